// The document of /asyncapi.json: AsyncAPI 3.0 of both messages, with the default names of queue and exchange.
#include "common/json.h"
#include "coordinator/routes/routes.h"
#include "proto/schema.h"

#include <stdio.h>

enum { POINTER = 64 };

static json_t *
object_of(const char *name, json_t *value)
{
    json_t *json = kt_json_object();
    kt_json_set(json, name, value);
    return json;
}

// kind: the member of the binding that `is` names. Both are durable and stay without users.
static json_t *
binding_object(const char *is, const char *kind, const char *name, const char *type)
{
    json_t *place = kt_json_object(), *amqp = kt_json_object();
    kt_json_set(place, "name", kt_json_text(name));
    if (type)
        kt_json_set(place, "type", kt_json_text(type));
    kt_json_set(place, "durable", kt_json_bool(true));
    kt_json_set(place, "autoDelete", kt_json_bool(false));
    kt_json_set(amqp, "is", kt_json_text(is));
    kt_json_set(amqp, kind, place);
    kt_json_set(amqp, "bindingVersion", kt_json_text("0.3.0"));
    return object_of("amqp", amqp);
}

static json_t *
channel_object(const char *address, const char *meaning, const char *message, json_t *bindings)
{
    char    pointer[POINTER];
    json_t *channel = kt_json_object();
    snprintf(pointer, sizeof pointer, "#/components/messages/%s", message);
    kt_json_set(channel, "address", kt_json_text(address));
    kt_json_set(channel, "description", kt_json_text(meaning));
    kt_json_set(channel, "messages", object_of(message, object_of("$ref", kt_json_text(pointer))));
    kt_json_set(channel, "bindings", bindings);
    return channel;
}

static json_t *
operation_object(const char *action, const char *channel, const char *meaning)
{
    char    pointer[POINTER];
    json_t *operation = kt_json_object();
    snprintf(pointer, sizeof pointer, "#/channels/%s", channel);
    kt_json_set(operation, "action", kt_json_text(action));
    kt_json_set(operation, "channel", object_of("$ref", kt_json_text(pointer)));
    kt_json_set(operation, "summary", kt_json_text(meaning));
    return operation;
}

static json_t *
message_object(const char *title, json_t *schema)
{
    json_t *message = kt_json_object(), *payload = kt_json_object();
    kt_json_set(payload, "schemaFormat", kt_json_text("application/schema+json;version=draft-2020-12"));
    kt_json_set(payload, "schema", schema);
    kt_json_set(message, "title", kt_json_text(title));
    kt_json_set(message, "contentType", kt_json_text("application/json"));
    kt_json_set(message, "payload", payload);
    return message;
}

void
kt_routes_asyncapi(kt_buf_t *out, const char *version)
{
    json_t *json = kt_json_object(), *info = kt_json_object(), *channels = kt_json_object();
    json_t *operations = kt_json_object(), *messages = kt_json_object();
    kt_json_set(info, "title", kt_json_text("Kithara"));
    kt_json_set(info, "version", kt_json_text(version));
    kt_json_set(info, "description",
                kt_json_text("AMQP 0-9-1. ANALYZER_QUEUE_NAME, ANALYZER_EXCHANGE_NAME, ANALYZER_EXCHANGE_TYPE and "
                             "ANALYZER_ROUTING_KEY change the names; these are their defaults."));
    kt_json_set(channels, "jobs",
                channel_object("analyzer_queue", "files to analyse", "job",
                               binding_object("queue", "queue", "analyzer_queue", NULL)));
    kt_json_set(channels, "results",
                channel_object("analyzer.result", "results and failures", "result",
                               binding_object("routingKey", "exchange", "apollonia", "topic")));
    kt_json_set(operations, "takeJob", operation_object("receive", "jobs", "acknowledged when its job is committed"));
    kt_json_set(operations, "sendResult",
                operation_object("send", "results", "at least once: repeated until the broker confirms it"));
    kt_json_set(messages, "job", message_object("input message", kt_schema_input()));
    kt_json_set(messages, "result", message_object("output message", kt_schema_output()));
    kt_json_set(json, "asyncapi", kt_json_text("3.0.0"));
    kt_json_set(json, "info", info);
    kt_json_set(json, "defaultContentType", kt_json_text("application/json"));
    kt_json_set(json, "channels", channels);
    kt_json_set(json, "operations", operations);
    if (kt_json_set(json, "components", object_of("messages", messages)))
        kt_json_write(json, out);
    else
        out->err = KT_ENOMEM;
    kt_json_free(&json);
}
