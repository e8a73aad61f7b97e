# What wakes somebody up. What to do is in docs/operations/alerts.md.
resource "google_monitoring_notification_channel" "mail" {
  display_name = "Shop"
  type         = "email"

  labels = {
    email_address = var.alert_email
  }

  depends_on = [google_project_service.apis]
}

resource "google_monitoring_uptime_check_config" "ready" {
  display_name = "shop-ready"
  timeout      = "10s"
  period       = "60s"

  http_check {
    path         = "/health/ready"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type = "uptime_url"

    labels = {
      project_id = var.project
      host       = var.domain
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_monitoring_alert_policy" "ready" {
  display_name          = "ShopIsDown"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.mail.id]

  conditions {
    display_name = "/health/ready fails from more than one place"

    condition_threshold {
      filter          = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.ready.uptime_check_id}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 1
      duration        = "60s"

      aggregations {
        alignment_period     = "120s"
        per_series_aligner   = "ALIGN_NEXT_OLDER"
        cross_series_reducer = "REDUCE_COUNT_FALSE"
        group_by_fields      = ["resource.label.project_id", "resource.label.host"]
      }
    }
  }

  documentation {
    content = "docs/operations/alerts.md, ShopIsDown and ShopIsUnavailable. Do not restart: a restart heals no database."
  }
}

# More than one request in a hundred is a bug, or one in fifty is told to come back later.
locals {
  requests = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${google_cloud_run_v2_service.web.name}\" AND metric.type = \"run.googleapis.com/request_count\""
  failures = {
    ShopHasBugs       = { filter = "metric.labels.response_code_class = \"5xx\" AND metric.labels.response_code != \"503\"", share = 0.01 }
    ShopIsUnavailable = { filter = "metric.labels.response_code = \"503\"", share = 0.02 }
  }
}

resource "google_monitoring_alert_policy" "failures" {
  for_each              = local.failures
  display_name          = each.key
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.mail.id]

  conditions {
    display_name = "more than ${each.value.share * 100} % of the requests"

    condition_threshold {
      filter             = "${local.requests} AND ${each.value.filter}"
      denominator_filter = local.requests
      comparison         = "COMPARISON_GT"
      threshold_value    = each.value.share
      duration           = "300s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }

      denominator_aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_RATE"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content = "docs/operations/alerts.md, ${each.key}"
  }
}

resource "google_monitoring_alert_policy" "chores" {
  display_name          = "ShopChoreFailed"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.mail.id]

  conditions {
    display_name = "purge, check_stock or migrate failed"

    condition_threshold {
      filter          = "resource.type = \"cloud_run_job\" AND metric.type = \"run.googleapis.com/job/completed_execution_count\" AND metric.labels.result = \"failed\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period     = "600s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.job_name"]
      }
    }
  }

  documentation {
    content = "Read the job's log. check_stock fails if stock, ledger and orders differ."
  }

  depends_on = [google_project_service.apis]
}

locals {
  database = "resource.type = \"cloudsql_database\" AND resource.labels.database_id = \"${var.project}:${google_sql_database_instance.shop.name}\""
  limits = {
    ShopDatabaseDiskIsFilling      = { metric = "cloudsql.googleapis.com/database/disk/utilization", limit = 0.85 }
    ShopDatabaseRunsOutOfSessions  = { metric = "cloudsql.googleapis.com/database/postgresql/num_backends", limit = var.max_connections * 0.85 }
    ShopDatabaseHasTooMuchToReckon = { metric = "cloudsql.googleapis.com/database/cpu/utilization", limit = 0.9 }
  }
}

resource "google_monitoring_alert_policy" "database" {
  for_each              = local.limits
  display_name          = each.key
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.mail.id]

  conditions {
    display_name = "more than ${each.value.limit} for ten minutes"

    condition_threshold {
      filter          = "${local.database} AND metric.type = \"${each.value.metric}\""
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.limit
      duration        = "600s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_MEAN"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["resource.label.database_id"]
      }
    }
  }

  documentation {
    content = "docs/operations/disk.md, docs/operations/pgbouncer.md and docs/scaling.md"
  }
}
