// ledger_audit PATH -- the audit of a SQLite ledger, for tests of the farm: the findings, a line with the number of
// rows looked at, exit status 1 if there is any finding.
#include "coordinator/ledger/ledger.h"

#include <stdio.h>

static void
found(void *context, kt_run_id_t id, const char *finding)
{
    (*(unsigned long long *)context)++;
    printf("job %llu run %u: %s\n", (unsigned long long)id.job, id.run, finding);
}

int
main(int argc, char **argv)
{
    char               why[KT_LEDGER_WHY] = "";
    kt_ledger_t       *ledger             = NULL;
    unsigned long long findings           = 0;
    uint64_t           rows               = 0;
    if (argc != 2)
        return 2;
    kt_err_t err = kt_ledger_sqlite_open(&ledger, argv[1], false, why);
    if (!err)
        err = ledger->ops->audit(ledger, found, &findings, &rows);
    if (err)
        fprintf(stderr, "ledger_audit: %s: %s\n", kt_err_name(err), why);
    else
        printf("%llu rows, %llu findings\n", (unsigned long long)rows, findings);
    if (ledger)
        ledger->ops->close(&ledger);
    return err || findings;
}
