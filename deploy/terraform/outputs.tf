output "address" {
  description = "What the A record of the domain has to say."
  value       = google_compute_global_address.shop.address
}

output "registry" {
  description = "The name of the image, without its tag, to push to."
  value       = "${google_artifact_registry_repository.shop.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.shop.repository_id}/shop"
}

output "database_address" {
  description = "The database's private address, for the URLs in Secret Manager."
  value       = google_sql_database_instance.shop.private_ip_address
}

output "connections" {
  description = "Connections that servers, workers and jobs may open at most; less than max_connections."
  value       = local.connections
}
