// What a delivery becomes in the ledger: a job, or a reject with the reason and, with a message_id, a reply.
#include "coordinator/amqp/consumer.h"
#include "proto/document.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kt_delivery_t *
delivery_of(const char *body, size_t bytes, const char *property)
{
    kt_delivery_t *delivery = calloc(1, sizeof *delivery);
    cr_assert_not_null(delivery);
    delivery->body = malloc(bytes + 1);
    cr_assert_not_null(delivery->body);
    memcpy(delivery->body, body, bytes);
    delivery->body[bytes] = '\0';
    delivery->body_bytes = delivery->all_bytes = bytes;
    snprintf(delivery->message_id, sizeof delivery->message_id, "%s", property);
    return delivery;
}

static kt_delivery_t *
read_text(const char *body, const char *property)
{
    kt_delivery_t *delivery = delivery_of(body, strlen(body), property);
    cr_assert_eq(kt_consumer_read(delivery), KT_OK);
    cr_assert_not_null(delivery->request);
    return delivery;
}

Test(intake, an_input_message_becomes_a_job_with_its_bytes)
{
    static const char body[]   = "{\"message_id\": \"a\", \"file_path\": \"/x.mp3\", \"unknown\": 1}";
    kt_delivery_t    *delivery = read_text(body, "property");
    cr_assert_eq(delivery->request->type, KT_LREQ_INSERT);
    cr_assert_str_eq(delivery->request->insert.job.message_id, "a");
    cr_assert_eq(delivery->request->insert.body_bytes, strlen(body));
    cr_assert_str_eq(delivery->request->insert.body, body);
    cr_assert_null(delivery->body);
    kt_delivery_destroy(&delivery);
    cr_assert_null(delivery);
}

Test(intake, what_is_no_json_is_a_letter_without_a_reply)
{
    kt_delivery_t *delivery = read_text("hello", "");
    cr_assert_eq(delivery->request->type, KT_LREQ_REJECT);
    cr_assert_str_eq(delivery->request->reject.body, "hello");
    cr_assert_eq(delivery->request->reject.reject.err, KT_EMESSAGE);
    cr_assert_null(delivery->request->reject.reply);
    cr_assert_gt(strlen(delivery->request->reject.reason), 0);
    kt_delivery_destroy(&delivery);
}

Test(intake, a_malformed_message_with_a_message_id_gets_a_valid_output_message)
{
    char           why[KT_DOCUMENT_WHY] = "";
    kt_delivery_t *delivery = read_text("{\"message_id\": \"a7\", \"media_id\": \"m\", \"file_path\": 5}", "property");
    kt_ledger_request_t *request = delivery->request;
    cr_assert_str_eq(request->reject.message_id, "a7");
    cr_assert_not_null(request->reject.reply);
    cr_assert_eq(kt_document_check(request->reject.reply, request->reject.reject.reply_bytes, why), KT_OK, "%s", why);
    cr_assert(strstr(request->reject.reply, "\"success\":false") && strstr(request->reject.reply, "EMESSAGE") &&
              strstr(request->reject.reply, "\"a7\""));
    cr_assert(strstr(request->reject.reason, "file_path"));
    kt_delivery_destroy(&delivery);
}

Test(intake, the_broker_s_property_names_what_the_body_does_not)
{
    kt_delivery_t *delivery = read_text("\xff\xfe no text", "from-property");
    cr_assert_str_eq(delivery->request->reject.message_id, "from-property");
    cr_assert_not_null(delivery->request->reject.reply);
    kt_delivery_destroy(&delivery);
    delivery = read_text("{\"message_id\": 12}", "");
    cr_assert_str_eq(delivery->request->reject.message_id, "");
    cr_assert_null(delivery->request->reject.reply);
    kt_delivery_destroy(&delivery);
}

Test(intake, a_truncated_message_is_refused_whatever_its_beginning)
{
    kt_delivery_t *delivery = delivery_of("{}", 2, "big");
    delivery->all_bytes     = 300000;
    cr_assert_eq(kt_consumer_read(delivery), KT_OK);
    cr_assert_eq(delivery->request->type, KT_LREQ_REJECT);
    cr_assert(strstr(delivery->request->reject.reason, "300000 bytes"));
    kt_delivery_destroy(&delivery);
    kt_delivery_destroy(&delivery);
}

Test(intake, an_empty_message_is_a_letter)
{
    kt_delivery_t *delivery = read_text("", "");
    cr_assert_eq(delivery->request->type, KT_LREQ_REJECT);
    cr_assert_eq(delivery->request->reject.reject.body_bytes, 0);
    kt_delivery_destroy(&delivery);
}
