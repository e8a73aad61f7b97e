# PostgreSQL in two zones, reachable in the network only. Roles and passwords are not here, as they would be readable in
# Terraform's state: README.md makes them.
resource "google_sql_database_instance" "shop" {
  name                = "shop"
  region              = var.region
  database_version    = var.database_version
  deletion_protection = var.deletion_protection

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.database_tier
    availability_type           = "REGIONAL"
    disk_type                   = "PD_SSD"
    disk_size                   = var.database_disk_gb
    disk_autoresize             = true
    deletion_protection_enabled = var.deletion_protection

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.shop.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "03:00"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = var.backups_kept
        retention_unit   = "COUNT"
      }
    }

    maintenance_window {
      day          = 7
      hour         = 4
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled = true
    }

    database_flags {
      name  = "max_connections"
      value = tostring(var.max_connections)
    }
  }

  lifecycle {
    # Terraform does not shrink a disk that grew by itself.
    ignore_changes = [settings[0].disk_size]

    precondition {
      condition     = local.connections <= var.max_connections
      error_message = "Servers, workers and jobs may open ${local.connections} connections, and max_connections is ${var.max_connections}. Raise it, or lower max_instances, web_concurrency or web_threads."
    }

    precondition {
      condition     = var.min_instances <= var.max_instances
      error_message = "min_instances is more than max_instances."
    }
  }

  depends_on = [google_service_networking_connection.services]
}

resource "google_sql_database" "shop" {
  name     = "shop"
  instance = google_sql_database_instance.shop.name
  charset  = "UTF8"
}
