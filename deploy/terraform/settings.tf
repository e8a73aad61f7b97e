# What every process of the shop is told. docs/configuration.md explains the names.
locals {
  settings = merge({
    DEBUG           = "false"
    ALLOWED_HOSTS   = var.domain
    TRUSTED_PROXIES = tostring(var.trusted_proxies)
    WEB_CONCURRENCY = tostring(var.web_concurrency)
    WEB_THREADS     = tostring(var.web_threads)
    # Cloud Run kills an instance 10 s after SIGTERM.
    GRACEFUL_TIMEOUT_SECONDS = "7"
    MAIL_NOTICES             = tostring(var.mail_notices)
    DEFAULT_FROM_EMAIL       = var.mail_from
  }, var.settings)

  # Name of the setting: the secret that it comes from. EMAIL_URL is asked for only where mails are sent.
  mail_secrets = var.mail_notices ? { EMAIL_URL = "shop-email-url" } : {}
  secrets = merge({
    SECRET_KEY   = "shop-secret-key"
    DATABASE_URL = "shop-database-url"
  }, local.mail_secrets)
  # The migration has a role of its own, which owns the tables.
  migration_secrets = merge(local.secrets, { DATABASE_URL = "shop-migration-database-url" })

  all_secrets = toset(concat(values(local.secrets), values(local.migration_secrets)))

  # Connections to PostgreSQL, at most: of the servers while one version replaces another, of the workers likewise, of
  # three jobs, of superusers, and of Google's own agents.
  connections = (
    2 * var.max_instances * var.web_concurrency * var.web_threads
    + 2 * (1 + 9 * var.webhook_workers + 1)
    + 3 + 3 + 7
  )
}
