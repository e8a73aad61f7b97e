# The secrets without their values: those are added by gcloud, so that they are never in Terraform's state.
resource "google_secret_manager_secret" "shop" {
  for_each  = local.all_secrets
  secret_id = each.value

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_secret_manager_secret_iam_member" "shop" {
  for_each  = toset(values(local.secrets))
  secret_id = google_secret_manager_secret.shop[each.value].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.shop.member
}

resource "google_secret_manager_secret_iam_member" "migrate" {
  for_each  = toset(values(local.migration_secrets))
  secret_id = google_secret_manager_secret.shop[each.value].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.migrate.member
}
