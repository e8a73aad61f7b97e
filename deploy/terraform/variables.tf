variable "project" {
  description = "The id of the Google Cloud project. It should hold nothing but this shop."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "Write a project id: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Where everything runs and is stored."
  type        = string
  default     = "europe-west3"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Write a region such as europe-west3, and no zone."
  }
}

variable "domain" {
  description = "The shop's host name. Its A record has to point to the output `address` before the certificate is issued."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "Write a host name in lower case, without https:// and without a path."
  }
}

variable "image" {
  description = "The image to run, by its digest, so that every instance runs the same one. Not needed for the first step."
  type        = string
  default     = null

  validation {
    condition     = var.image == null ? true : can(regex("^[^@[:space:]]+@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Write the image with its digest: …-docker.pkg.dev/project/shop/shop@sha256:…."
  }
}

variable "alert_email" {
  description = "Who is told when an alert fires."
  type        = string

  validation {
    condition     = can(regex("^[^@[:space:]]+@[^@[:space:]]+$", var.alert_email))
    error_message = "Write an address of mail."
  }
}

variable "mail_notices" {
  description = "Whether customers get mail about their orders. It needs the secret shop-email-url and mail_from."
  type        = bool
  default     = false
}

variable "mail_from" {
  description = "The sender of mails, with its name."
  type        = string
  default     = "Shop <orders@shop.example>"
}

variable "settings" {
  description = "More settings of docs/configuration.md, by name, such as CURRENCY. They win over those in settings.tf. No secrets: they would be readable in the state."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z_]*$", name))])
    error_message = "Names of settings are capital letters and underscores."
  }

  validation {
    condition = length(setintersection(keys(var.settings), [
      "PORT", "SECRET_KEY", "DATABASE_URL", "EMAIL_URL", "WEB_CONCURRENCY", "WEB_THREADS",
    ])) == 0
    error_message = "PORT is Cloud Run's, secrets belong into Secret Manager, and web_concurrency and web_threads are variables."
  }
}

variable "trusted_proxies" {
  description = "How many entries of X-Forwarded-For are Google's. The load balancer appends the client's address and its own."
  type        = number
  default     = 2

  validation {
    condition     = var.trusted_proxies >= 1 && var.trusted_proxies <= 10
    error_message = "Write a number from 1 to 10."
  }
}

variable "min_instances" {
  description = "Servers that run at any time. Two, so that one may fail."
  type        = number
  default     = 2

  validation {
    condition     = var.min_instances >= 1
    error_message = "At least one: the first request after a pause would wait for a start."
  }
}

variable "max_instances" {
  description = "Servers at most. PostgreSQL needs connections for twice as many: see max_connections."
  type        = number
  default     = 8

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 100
    error_message = "Write a number from 1 to 100."
  }
}

variable "web_concurrency" {
  description = "Worker processes of a server, which has two processors."
  type        = number
  default     = 2

  validation {
    condition     = var.web_concurrency >= 1 && var.web_concurrency <= 16
    error_message = "Write a number from 1 to 16."
  }
}

variable "web_threads" {
  description = "Threads of a worker process, each with a connection to PostgreSQL."
  type        = number
  default     = 4

  validation {
    condition     = var.web_threads >= 1 && var.web_threads <= 64
    error_message = "Write a number from 1 to 64."
  }
}

variable "webhook_workers" {
  description = "How many instances of send_webhooks share the work. Each has 9 connections."
  type        = number
  default     = 1

  validation {
    condition     = var.webhook_workers >= 1 && var.webhook_workers <= 10
    error_message = "Write a number from 1 to 10."
  }
}

variable "database_version" {
  description = "PostgreSQL's major version."
  type        = string
  default     = "POSTGRES_17"

  validation {
    condition     = can(regex("^POSTGRES_1[5-9]$", var.database_version))
    error_message = "The shop is tested with PostgreSQL 15 to 18: POSTGRES_17, for one."
  }
}

variable "database_tier" {
  description = "The database's machine: db-custom-<processors>-<MB>."
  type        = string
  default     = "db-custom-2-7680"

  validation {
    condition     = can(regex("^db-custom-[0-9]+-[0-9]+$", var.database_tier))
    error_message = "Write db-custom-<processors>-<MB>: the tiers with a shared processor have no high availability that is covered."
  }
}

variable "database_disk_gb" {
  description = "The size of the database's disk at first; it grows by itself."
  type        = number
  default     = 20

  validation {
    condition     = var.database_disk_gb >= 10
    error_message = "At least 10."
  }
}

variable "max_connections" {
  description = "PostgreSQL's max_connections. A change restarts it. Checked against the instances and their threads."
  type        = number
  default     = 200

  validation {
    condition     = var.max_connections >= 50 && var.max_connections <= 1000
    error_message = "Write a number from 50 to 1000, which the tier's memory has to carry."
  }
}

variable "backups_kept" {
  description = "Daily backups that are kept."
  type        = number
  default     = 30

  validation {
    condition     = var.backups_kept >= 7 && var.backups_kept <= 365
    error_message = "Write a number from 7 to 365."
  }
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete the database, the service and the workers."
  type        = bool
  default     = true
}
