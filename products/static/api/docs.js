"use strict";

const docs = document.getElementById("docs");

SwaggerUIBundle({
  domNode: docs,
  url: docs.dataset.schema,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: true,
});
