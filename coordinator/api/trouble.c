// Why a coordinator is not healthy, in sentences: what /health, /readyz and /v1/status say.
#include "coordinator/api/trouble.h"

#include "common/buf.h"
#include "common/json.h"
#include "coordinator/api/amqp.h"

#include <stdio.h>

enum { NAMES = 8, SENTENCE_BYTES = 4096 };

const char *
kt_api_fault(const kt_snapshot_t *seen)
{
    if (seen->draining)
        return "the coordinator is ending";
    if (!seen->view.ledger_up && seen->ledger_err == KT_ETIME)
        return "the ledger does not finish a statement in time, and repeats it: look at the database's locks and load";
    if (!seen->view.ledger_up)
        return "the ledger does not answer";
    return seen->view.lease_held ? NULL : "no lease on the ledger";
}

// "3 of 20 nodes are absent: a, b, c"
static void
add_absent(json_t *out, const kt_snapshot_t *seen)
{
    kt_buf_t text;
    uint32_t named = 0;
    kt_buf_init(&text, SENTENCE_BYTES);
    kt_buf_fmt(&text, "%u of %u nodes %s absent: ", seen->nodes_absent, seen->nodes_all,
               seen->nodes_absent == 1 ? "is" : "are");
    for (size_t i = 0; i < seen->n_nodes && named < NAMES; i++)
        if (seen->nodes[i].absent)
            kt_buf_fmt(&text, "%s%s", named++ ? ", " : "", seen->nodes[i].view.name);
    if (seen->nodes_absent > named)
        kt_buf_fmt(&text, " and %u more", seen->nodes_absent - named);
    if (!text.err)
        kt_json_append(out, kt_json_text(text.bytes));
    kt_buf_fini(&text);
}

json_t *
kt_api_troubles(const kt_snapshot_t *seen)
{
    json_t     *out   = kt_json_array();
    const char *fault = kt_api_fault(seen), *broker = kt_api_amqp_trouble(&seen->amqp);
    char        sentence[256];
    if (fault)
        kt_json_append(out, kt_json_text(fault));
    if (!seen->view.nodes_live)
        kt_json_append(out, kt_json_text("no node is connected"));
    if (seen->nodes_absent && seen->view.nodes_live)
        add_absent(out, seen);
    for (size_t i = 0; i < seen->n_nodes; i++) {
        const kt_node_row_t *row = &seen->nodes[i];
        if (!*row->rival_host)
            continue;
        snprintf(sentence, sizeof sentence, "node %s works on host %s and is refused on host %s, which has its key",
                 row->view.name, row->host, row->rival_host);
        kt_json_append(out, kt_json_text(sentence));
    }
    if (broker) {
        snprintf(sentence, sizeof sentence, "the broker: %.200s", broker);
        kt_json_append(out, kt_json_text(sentence));
    }
    return out;
}
