# Where `docker push` puts the image. Cloud Run reads from it as the project's own service agent.
resource "google_artifact_registry_repository" "shop" {
  repository_id = "shop"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the shop"

  docker_config {
    immutable_tags = true
  }

  depends_on = [google_project_service.apis]
}
