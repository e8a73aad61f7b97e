# What works beside the servers until it is stopped. Two of each do no harm, as while a version replaces another.
locals {
  workers = merge({
    number_events = 1
    send_webhooks = var.webhook_workers
  }, var.mail_notices ? { send_mail_notices = 1 } : {})
}

resource "google_cloud_run_v2_worker_pool" "workers" {
  for_each            = local.workers
  name                = "shop-${replace(each.key, "_", "-")}"
  location            = var.region
  deletion_protection = var.deletion_protection

  scaling {
    manual_instance_count = each.value
  }

  template {
    service_account = google_service_account.shop.email

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
          memory = "512Mi"
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.shop]
}
