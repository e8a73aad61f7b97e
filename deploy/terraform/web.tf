# The servers.
resource "google_cloud_run_v2_service" "web" {
  name                = "shop-web"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  deletion_protection = var.deletion_protection

  template {
    service_account                  = google_service_account.shop.email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    timeout                          = "60s"
    max_instance_request_concurrency = var.web_concurrency * var.web_threads

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"

      network_interfaces {
        network    = google_compute_network.shop.id
        subnetwork = google_compute_subnetwork.shop.id
      }
    }

    containers {
      image = var.image

      # Cloud Run sets PORT to it.
      ports {
        container_port = 8000
      }

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
          cpu    = "2"
          memory = "1Gi"
        }
        # gunicorn replaces a worker that is silent for 30 s, as all are whose processor is taken away between requests.
        cpu_idle          = false
        startup_cpu_boost = true
      }

      # A version whose migrations are missing gets no request, and the one before goes on.
      startup_probe {
        period_seconds    = 5
        timeout_seconds   = 4
        failure_threshold = 24

        http_get {
          path = "/health/ready"
        }
      }

      # A restart heals no database, so this does not ask it.
      liveness_probe {
        period_seconds = 15
        # Above API_DEADLINE_SECONDS: while a database hangs, the probe waits for a thread.
        timeout_seconds   = 10
        failure_threshold = 3

        http_get {
          path = "/health/live"
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.shop]
}
