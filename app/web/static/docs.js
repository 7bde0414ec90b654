// Starts Swagger UI on our own description; nothing is loaded from elsewhere and nothing is kept.
window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#interface",
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
});
