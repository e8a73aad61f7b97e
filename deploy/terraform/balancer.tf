# The public address. Only what customers and staff need gets through, and /health/ready for the uptime check.
resource "google_compute_global_address" "shop" {
  name       = "shop"
  depends_on = [google_project_service.apis]
}

resource "google_compute_region_network_endpoint_group" "web" {
  name                  = "shop-web"
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloud_run_v2_service.web.name
  }
}

resource "google_compute_backend_service" "web" {
  name                  = "shop-web"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  protocol              = "HTTPS"

  backend {
    group = google_compute_region_network_endpoint_group.web.id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

locals {
  admin = lookup(local.settings, "ADMIN_URL", "admin/")
}

resource "google_compute_url_map" "shop" {
  name = "shop"

  # Any other host name.
  default_url_redirect {
    host_redirect          = var.domain
    https_redirect         = true
    path_redirect          = "/"
    redirect_response_code = "FOUND"
    strip_query            = true
  }

  host_rule {
    hosts        = [var.domain]
    path_matcher = "shop"
  }

  path_matcher {
    name = "shop"

    # Anything else, /metrics and /health/live above all, is sent to the front page.
    default_url_redirect {
      https_redirect         = true
      path_redirect          = "/"
      redirect_response_code = "FOUND"
      strip_query            = true
    }

    path_rule {
      paths = [
        "/",
        "/api",
        "/api/*",
        "/api-token-auth",
        "/api-token-auth/*",
        "/static/*",
        "/${trimsuffix(local.admin, "/")}",
        "/${local.admin}*",
        "/health/ready",
      ]
      service = google_compute_backend_service.web.id
    }
  }
}

resource "google_compute_managed_ssl_certificate" "shop" {
  name = "shop"

  managed {
    domains = [var.domain]
  }

  depends_on = [google_project_service.apis]
}

resource "google_compute_ssl_policy" "shop" {
  name            = "shop"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
  depends_on      = [google_project_service.apis]
}

resource "google_compute_target_https_proxy" "shop" {
  name             = "shop"
  url_map          = google_compute_url_map.shop.id
  ssl_certificates = [google_compute_managed_ssl_certificate.shop.id]
  ssl_policy       = google_compute_ssl_policy.shop.id
}

# Nothing listens on port 80: a redirect would let clients of the API go on sending their tokens unencrypted.
resource "google_compute_global_forwarding_rule" "https" {
  name                  = "shop-https"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.shop.id
  port_range            = "443"
  target                = google_compute_target_https_proxy.shop.id
}
