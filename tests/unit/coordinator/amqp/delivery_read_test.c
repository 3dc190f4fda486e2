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
    delivery = read_text("{\"message_id\": {}}", "");
    cr_assert_str_eq(delivery->request->reject.message_id, "");
    cr_assert_null(delivery->request->reject.reply);
    kt_delivery_destroy(&delivery);
}

Test(intake, an_id_in_a_broken_body_is_answered)
{
    kt_delivery_t *delivery = read_text("{\"message_id\": \"a8\", \"file_path\": ", "property");
    cr_assert_str_eq(delivery->request->reject.message_id, "a8");
    cr_assert_not_null(delivery->request->reject.reply);
    kt_delivery_destroy(&delivery);
    delivery = read_text("{\"message_id\": 12}", "");
    cr_assert_str_eq(delivery->request->reject.message_id, "12");
    kt_delivery_destroy(&delivery);
}

Test(intake, the_property_is_the_id_of_a_body_without_one)
{
    kt_delivery_t *one = read_text("{\"file_path\": \"/x\"}", "one"),
                  *two = read_text("{\"file_path\": \"/x\"}", "two");
    cr_assert_str_eq(one->request->insert.job.message_id, "one");
    cr_assert_str_eq(two->request->insert.job.message_id, "two");
    cr_assert(strstr(one->request->insert.body, "\"one\""), "the stored body has it");
    kt_delivery_destroy(&one);
    kt_delivery_destroy(&two);
    kt_delivery_t *bad = delivery_of("{\"file_path\": \"/x\"}", 19, "cut");
    bad->bad_id        = true;
    cr_assert_eq(kt_consumer_read(bad), KT_OK);
    cr_assert_eq(bad->request->type, KT_LREQ_REJECT);
    cr_assert_str_eq(bad->request->reject.body, "{\"file_path\": \"/x\"}", "as it came");
    kt_delivery_destroy(&bad);
}

Test(intake, what_nobody_reads_refuses_no_message)
{
    kt_delivery_t *delivery =
        read_text("\xef\xbb\xbf{\"file_path\": \"/x\", \"metadata\": {\"n\": 1e400, \"t\": \"\\u0000\"}}", "a");
    cr_assert_eq(delivery->request->type, KT_LREQ_INSERT);
    cr_assert_not_null(delivery->body, "kept for the dead letter of a clash");
    kt_delivery_destroy(&delivery);
}

Test(intake, properties_go_with_what_is_made_of_the_message)
{
    kt_delivery_t *delivery = delivery_of("no JSON", 7, "");
    delivery->properties    = strdup("all of them");
    delivery->n_properties  = 11;
    delivery->answer        = strdup("some");
    delivery->n_answer      = 4;
    cr_assert_eq(kt_consumer_read(delivery), KT_OK);
    cr_assert_str_eq(delivery->request->reject.properties, "all of them");
    cr_assert_eq(delivery->request->reject.reject.properties_bytes, 11);
    cr_assert_not_null(delivery->request->reject.reply, "who waits for an answer by another name gets one");
    kt_delivery_destroy(&delivery);
    delivery           = delivery_of("{\"file_path\": \"/x\"}", 19, "");
    delivery->answer   = strdup("some");
    delivery->n_answer = 4;
    cr_assert_eq(kt_consumer_read(delivery), KT_OK);
    cr_assert_str_eq(delivery->request->insert.properties, "some");
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
