# Who runs what. None of them has a role on the project, nor a key.
resource "google_service_account" "shop" {
  account_id   = "shop-run"
  display_name = "Shop: servers, workers and chores; reads their secrets"
  depends_on   = [google_project_service.apis]
}

resource "google_service_account" "migrate" {
  account_id   = "shop-migrate"
  display_name = "Shop: migration; reads the database URL of the tables' owner"
  depends_on   = [google_project_service.apis]
}

resource "google_service_account" "scheduler" {
  account_id   = "shop-scheduler"
  display_name = "Shop: starts the chores"
  depends_on   = [google_project_service.apis]
}

# The load balancer asks without an identity; ingress lets nobody else in.
resource "google_cloud_run_v2_service_iam_member" "public" {
  name     = google_cloud_run_v2_service.web.name
  location = google_cloud_run_v2_service.web.location
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_cloud_run_v2_job_iam_member" "scheduler" {
  for_each = google_cloud_run_v2_job.chores
  name     = each.value.name
  location = each.value.location
  role     = "roles/run.invoker"
  member   = google_service_account.scheduler.member
}
