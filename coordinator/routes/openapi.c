// The document of /openapi.json: OpenAPI 3.1 of the table of routes.
#include "common/json.h"
#include "coordinator/routes/routes.h"
#include "proto/schema.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *type, *meaning;
} PARAMS[] = {
#define KT_ROUTE(...)
#define KT_PARAM(name, type, meaning) {#name, #type, meaning},
#include "coordinator/routes/routes.def"
#undef KT_ROUTE
#undef KT_PARAM
};

static json_t *
schema_of_type(const char *type)
{
    json_t *schema = kt_json_object();
    kt_json_set(schema, "type", kt_json_text(strcmp(type, "text") == 0 ? "string" : type));
    return schema;
}

static json_t *
reference_to(const char *name)
{
    char    path[128];
    json_t *schema = kt_json_object();
    snprintf(path, sizeof path, "#/components/schemas/%s", name);
    kt_json_set(schema, "$ref", kt_json_text(path));
    return schema;
}

static json_t *
parameter_object(const char *name, const char *in, const char *type, const char *meaning)
{
    json_t *json = kt_json_object();
    kt_json_set(json, "name", kt_json_text(name));
    kt_json_set(json, "in", kt_json_text(in));
    if (strcmp(in, "path") == 0)
        kt_json_set(json, "required", kt_json_bool(true));
    kt_json_set(json, "description", kt_json_text(meaning));
    kt_json_set(json, "schema", schema_of_type(type));
    return json;
}

static json_t *
content_of(const char *type, json_t *schema)
{
    json_t *content = kt_json_object(), *media = kt_json_object();
    kt_json_set(media, "schema", schema);
    kt_json_set(content, type, media);
    return content;
}

static json_t *
body_object(kt_route_t id, const kt_route_desc_t *route)
{
    json_t *body = kt_json_object(), *schema;
    bool    text = id == KT_ROUTE_backfill_list || id == KT_ROUTE_model_upload;
    kt_json_set(body, "description", kt_json_text(route->body));
    kt_json_set(body, "required", kt_json_bool(id != KT_ROUTE_drain));
    if (id == KT_ROUTE_submit) {
        json_t *members = kt_json_object(), *list = schema_of_type("array");
        kt_json_set(list, "items", reference_to("input"));
        kt_json_set(list, "minItems", kt_json_int(1));
        kt_json_set(list, "maxItems", kt_json_int(1000));
        kt_json_set(members, "messages", list);
        schema = schema_of_type("object");
        kt_json_set(schema, "properties", members);
    } else {
        schema = schema_of_type(text ? "text" : "object");
    }
    kt_json_set(body, "content", content_of(text ? "application/octet-stream" : "application/json", schema));
    return body;
}

// The type of the answer's content; NULL: JSON.
static const char *
text_type_of(kt_route_t id)
{
    switch (id) {
    case KT_ROUTE_metrics: return "text/plain";
    case KT_ROUTE_page: return "text/html";
    case KT_ROUTE_page_file: return "*/*";
    case KT_ROUTE_events: return "text/event-stream";
    default: return NULL;
    }
}

static json_t *
answers_object(kt_route_t id, const kt_route_desc_t *route)
{
    json_t    *answers = kt_json_object(), *good = kt_json_object(), *problem = kt_json_object();
    const bool message = id == KT_ROUTE_document || id == KT_ROUTE_result;
    kt_json_set(good, "description", kt_json_text(route->answer));
    if (text_type_of(id))
        kt_json_set(good, "content", content_of(text_type_of(id), schema_of_type("text")));
    else
        kt_json_set(good, "content",
                    content_of("application/json", message ? reference_to("output") : schema_of_type("object")));
    kt_json_set(answers, "200", good);
    kt_json_set(problem, "description", kt_json_text("a failure"));
    kt_json_set(problem, "content", content_of("application/problem+json", reference_to("problem")));
    kt_json_set(answers, "default", problem);
    return answers;
}

static json_t *
operation_object(kt_route_t id, const char *name)
{
    const kt_route_desc_t   *route = kt_route_desc(id);
    json_t                  *json = kt_json_object(), *parameters = kt_json_array(), *security = kt_json_array();
    static const char *const SEGMENTS[] = {"", "ID", "NAME", "MESSAGE_ID"};
    kt_json_set(json, "operationId", kt_json_text(name));
    kt_json_set(json, "summary", kt_json_text(route->meaning));
    if (route->segment != KT_SEGMENT_NOTHING)
        kt_json_append(parameters,
                       parameter_object(SEGMENTS[route->segment], "path",
                                        route->segment == KT_SEGMENT_JOB ? "integer" : "text", "the part of the path"));
    for (size_t i = 0; i < sizeof PARAMS / sizeof *PARAMS; i++)
        if (kt_route_has_param(id, PARAMS[i].name))
            kt_json_append(parameters, parameter_object(PARAMS[i].name, "query", PARAMS[i].type, PARAMS[i].meaning));
    kt_json_set(json, "parameters", parameters);
    if (*route->body)
        kt_json_set(json, "requestBody", body_object(id, route));
    kt_json_set(json, "responses", answers_object(id, route));
    if (route->access != KT_ACCESS_OPEN) {
        json_t *bearer = kt_json_object();
        kt_json_set(bearer, "token", kt_json_array());
        kt_json_append(security, bearer);
        if (route->access == KT_ACCESS_READ || strcmp(route->method, "GET") == 0)
            kt_json_append(security, kt_json_object());  // none, on loopback
    }
    kt_json_set(json, "security", security);
    return json;
}

static json_t *
paths_object(void)
{
    static const char *const NAMES[] = {
#define KT_ROUTE(id, ...) [KT_ROUTE_##id] = #id,
#define KT_PARAM(...)
#include "coordinator/routes/routes.def"
#undef KT_ROUTE
#undef KT_PARAM
    };
    static const char *const SEGMENTS[] = {"", "{ID}", "{NAME}", "{MESSAGE_ID}"};
    json_t                  *paths      = kt_json_object();
    for (int i = 0; i < KT_ROUTES; i++) {
        const kt_route_desc_t *route = kt_route_desc((kt_route_t)i);
        char                   path[80];
        snprintf(path, sizeof path, "%s%s%s", route->before, SEGMENTS[route->segment], route->after);
        json_t *operations = kt_json_copy(kt_json_get(paths, path));
        if (!operations)
            operations = kt_json_object();
        kt_json_set(operations, strcmp(route->method, "GET") == 0 ? "get" : "post",
                    operation_object((kt_route_t)i, NAMES[i]));
        kt_json_set(paths, path, operations);
    }
    return paths;
}

static json_t *
problem_schema(void)
{
    static const struct {
        const char *name, *type;
    } MEMBERS[] = {{"type", "text"}, {"title", "text"}, {"status", "integer"}, {"detail", "text"}, {"error", "object"}};
    json_t *schema = schema_of_type("object"), *members = kt_json_object();
    for (size_t i = 0; i < sizeof MEMBERS / sizeof *MEMBERS; i++)
        kt_json_set(members, MEMBERS[i].name, schema_of_type(MEMBERS[i].type));
    kt_json_set(schema, "properties", members);
    return schema;
}

void
kt_routes_openapi(kt_buf_t *out, const char *version)
{
    json_t *json = kt_json_object(), *info = kt_json_object(), *components = kt_json_object();
    json_t *schemas = kt_json_object(), *security = kt_json_object(), *token = kt_json_object();
    kt_json_set(info, "title", kt_json_text("Kithara"));
    kt_json_set(info, "version", kt_json_text(version));
    kt_json_set(json, "openapi", kt_json_text("3.1.0"));
    kt_json_set(json, "info", info);
    kt_json_set(json, "paths", paths_object());
    kt_json_set(schemas, "input", kt_schema_input());
    kt_json_set(schemas, "output", kt_schema_output());
    kt_json_set(schemas, "problem", problem_schema());
    kt_json_set(components, "schemas", schemas);
    kt_json_set(token, "type", kt_json_text("http"));
    kt_json_set(token, "scheme", kt_json_text("bearer"));
    kt_json_set(security, "token", token);
    kt_json_set(components, "securitySchemes", security);
    if (kt_json_set(json, "components", components))
        kt_json_write(json, out);
    else
        out->err = KT_ENOMEM;
    kt_json_free(&json);
}
