# What ends by itself. README.md runs the migration before the servers of its version; the scheduler runs the chores.
resource "google_cloud_run_v2_job" "migrate" {
  name                = "shop-migrate"
  location            = var.region
  deletion_protection = false

  template {
    task_count = 1

    template {
      service_account = google_service_account.migrate.email
      # A migration that meets a lock gives up after a second; then it is run again.
      max_retries = 2
      timeout     = "3600s"

      vpc_access {
        egress = "PRIVATE_RANGES_ONLY"

        network_interfaces {
          network    = google_compute_network.shop.id
          subnetwork = google_compute_subnetwork.shop.id
        }
      }

      containers {
        image   = var.image
        command = ["sh", "-c", "python manage.py migrate && python manage.py create_roles"]

        dynamic "env" {
          for_each = local.settings
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = local.migration_secrets
          content {
            name = env.key
            value_source {
              secret_key_ref {
                secret  = google_secret_manager_secret.shop[env.value].secret_id
                version = "latest"
              }
            }
          }
        }

        resources {
          limits = {
            cpu    = "1"
            memory = "512Mi"
          }
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.migrate]
}

# In UTC. A purge ends before the next one begins, which goes on where it stopped.
locals {
  chores = {
    purge       = { schedule = "*/10 * * * *", memory = "512Mi", timeout = "540s" }
    check_stock = { schedule = "17 2 * * *", memory = "1Gi", timeout = "7200s" }
  }
}

resource "google_cloud_run_v2_job" "chores" {
  for_each            = local.chores
  name                = "shop-${replace(each.key, "_", "-")}"
  location            = var.region
  deletion_protection = false

  template {
    task_count = 1

    template {
      service_account = google_service_account.shop.email
      # The next time comes by itself, and a check that failed is to be looked at.
      max_retries = 0
      timeout     = each.value.timeout

      vpc_access {
        egress = "PRIVATE_RANGES_ONLY"

        network_interfaces {
          network    = google_compute_network.shop.id
          subnetwork = google_compute_subnetwork.shop.id
        }
      }

      containers {
        image   = var.image
        command = ["python", "manage.py", each.key]

        dynamic "env" {
          for_each = local.settings
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = local.secrets
          content {
            name = env.key
            value_source {
              secret_key_ref {
                secret  = google_secret_manager_secret.shop[env.value].secret_id
                version = "latest"
              }
            }
          }
        }

        resources {
          limits = {
            cpu    = "1"
            memory = each.value.memory
          }
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.shop]
}

resource "google_cloud_scheduler_job" "chores" {
  for_each         = local.chores
  name             = "shop-${replace(each.key, "_", "-")}"
  region           = var.region
  schedule         = each.value.schedule
  time_zone        = "Etc/UTC"
  attempt_deadline = "60s"

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.chores[each.key].id}:run"

    oauth_token {
      service_account_email = google_service_account.scheduler.email
    }
  }

  depends_on = [google_project_service.apis, google_cloud_run_v2_job_iam_member.scheduler]
}
