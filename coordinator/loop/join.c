// JOIN: a node that holds a join token enters its own key. The connection has proved the token's key; the ledger judges
// token and name in one transaction, so that every coordinator comes to the same list.
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/loop/admission.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOINING_MAX = 64, LOG_MS = 1000, TEXT = 257 };

typedef struct join_args {
    kt_node_handle_t from;
    char             token[KT_CURVE_TEXT], host[KT_FLEET_NAME];
    kt_fleet_key_t   key;
    kt_fleet_t       fleet;  // after it
} join_args_t;

static void
free_join(void *context)
{
    join_args_t *args = context;
    kt_fleet_fini(&args->fleet);
    free(args);
}

static kt_err_t
run_join(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    (void)lease;
    join_args_t *args = context;
    if (!ledger->ops->fleet)
        return KT_ENOTYET;
    kt_err_t err = ledger->ops->fleet->join(ledger, args->token, &args->key);
    kt_fleet_fini(&args->fleet);
    return err ? err : ledger->ops->fleet->read(ledger, &args->fleet);
}

static void
refuse_join(kt_admission_t *self, kt_node_handle_t to, const char *name, kt_err_t err)
{
    char     text[TEXT];
    int64_t  now_ms = kt_clock_ms();
    kt_msg_t msg    = {.type = KT_MSG_REFUSE, .refuse = {.err = err}};
    if (err == KT_ECLASH)
        snprintf(text, sizeof text,
                 "the name %.64s has another key: kithara keys revoke %.64s, or use another "
                 "ANALYZER_NODE_NAME",
                 name, name);
    else
        snprintf(text, sizeof text, "%s",
                 err == KT_EAUTH     ? "the join token has expired or is not known: kithara keys token new"
                 : err == KT_ENOTYET ? "this coordinator's ledger keeps no keys: kithara keys allow"
                 : err == KT_EINVAL  ? "a node needs a name without blanks"
                                     : "the ledger does not answer");
    if (now_ms - self->join_logged_ms >= LOG_MS) {
        self->join_logged_ms = now_ms;
        kt_log_warn("JOIN-REFUSED", "node=%s err=%s text=\"%s\"", name, kt_err_name(err), text);
    }
    msg.refuse.text = kt_bytes_of(text);
    kt_dispatcher_send(self->opts.dispatcher, to, &msg);
}

static void
admission_on_joined(void *context, kt_ledger_request_t **request_p)
{
    join_args_t    *args = (*request_p)->call.args;
    kt_admission_t *self = context;
    kt_err_t        err  = (*request_p)->err;
    self->joining--;
    if (err) {
        refuse_join(self, args->from, args->key.name, err);
        return;
    }
    if (!kt_roster_take(self->opts.roster, &args->fleet, kt_clock_wall_ms()))
        return;  // the node repeats it
    kt_msg_t msg = {.type = KT_MSG_JOINED, .joined = {.name = kt_bytes_of(args->key.name)}};
    kt_log_info("NODE-JOINED", "node=%s host=%s key=%s", args->key.name, args->host, args->key.key);
    kt_dispatcher_send(self->opts.dispatcher, args->from, &msg);
}

void
kt_admission_join(kt_admission_t *self, kt_node_handle_t from, const char *key, const kt_msg_join_t *join)
{
    int64_t         wall_ms = kt_clock_wall_ms();
    const kt_key_t *token   = kt_keys_find(self->opts.keys, key);
    char            name[KT_FLEET_NAME];
    kt_bytes_copy(name, sizeof name, join->name);
    bool named = *name && !name[strcspn(name, " \t\r\n/")];
    if (!token || !token->join || token->expires_ms <= wall_ms || !named || join->key.n != KT_CURVE_BYTES) {
        refuse_join(self, from, name, named && join->key.n == KT_CURVE_BYTES ? KT_EAUTH : KT_EINVAL);
        return;
    }
    if (self->joining >= JOINING_MAX)
        return;  // the node repeats it
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_CALL, self);
    join_args_t         *args    = request ? calloc(1, sizeof *args) : NULL;
    if (!args) {
        kt_ledger_request_destroy(&request);
        return;
    }
    *args = (join_args_t){.from = from, .key = {.changed_ms = wall_ms}};
    snprintf(args->token, sizeof args->token, "%s", key);
    snprintf(args->key.name, sizeof args->key.name, "%s", name);
    kt_bytes_copy(args->host, sizeof args->host, join->host);
    kt_curve_text((const uint8_t *)join->key.at, args->key.key);
    request->answered  = admission_on_joined;
    request->call.run  = run_join;
    request->call.args = args;
    request->call.free = free_join;
    self->joining++;
    kt_ledger_port_post(self->opts.port, &request);
}
