#include "coordinator/loop/claims.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 20000 };

static kt_claim_t *
add(kt_claims_t *claims, uint64_t job, uint32_t run)
{
    char       *body  = strdup("{}");
    kt_claim_t *claim = NULL;
    cr_assert_eq(kt_claims_add(claims, (kt_run_id_t){job, run}, &body, 2, &claim), KT_OK);
    cr_assert_null(body);
    return claim;
}

Test(claims, what_was_added_is_found_until_it_is_dropped)
{
    kt_claims_t claims = {0};
    cr_assert_null(kt_claims_find(&claims, (kt_run_id_t){1, 1}));
    kt_claim_t *one = add(&claims, 1, 1), *two = add(&claims, 1, 2);
    cr_assert_eq(kt_claims_find(&claims, one->id), one);
    cr_assert_eq(kt_claims_find(&claims, two->id), two);
    kt_claims_drop(&claims, one);
    cr_assert_null(kt_claims_find(&claims, (kt_run_id_t){1, 1}));
    cr_assert_eq(kt_claims_find(&claims, two->id), two);
    kt_tag_destroy(one);
    kt_tag_destroy(two);
    kt_claims_fini(&claims);
}

Test(claims, a_second_claim_of_a_run_takes_the_place)
{
    kt_claims_t claims = {0};
    kt_claim_t *old = add(&claims, 7, 1), *new = add(&claims, 7, 1);
    cr_assert_eq(claims.n, 1);
    kt_claims_drop(&claims, old);
    cr_assert_eq(kt_claims_find(&claims, new->id), new, "the drop of the older one takes the newer one away");
    kt_claims_drop(&claims, new);
    cr_assert_eq(claims.n, 0);
    kt_tag_destroy(old);
    kt_tag_destroy(new);
    kt_claims_fini(&claims);
}

// Removal in any order keeps every other reachable: the followers of a hole move up.
Test(claims, many_come_and_go)
{
    static kt_claim_t *all[MANY];
    kt_claims_t        claims = {0};
    uint64_t           random = 88172645463325252u;
    for (size_t i = 0; i < MANY; i++)
        all[i] = add(&claims, i * 4096, (uint32_t)(i % 3));
    for (size_t left = MANY; left; left--) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        size_t      i     = random % left;
        kt_claim_t *claim = all[i];
        all[i]            = all[left - 1];
        cr_assert_eq(kt_claims_find(&claims, claim->id), claim);
        kt_claims_drop(&claims, claim);
        cr_assert_null(kt_claims_find(&claims, claim->id));
        kt_tag_destroy(claim);
    }
    cr_assert_eq(claims.n, 0);
    kt_claims_fini(&claims);
}

Test(claims, a_posted_payload_leaves_its_request_to_the_actor)
{
    kt_ledger_request_t *request = kt_ledger_request_new(KT_LREQ_STORE, NULL);
    kt_payload_t        *payload = calloc(1, sizeof *payload);
    *payload                     = (kt_payload_t){.tag = {KT_TAG_PAYLOAD}, .posted = true};
    kt_tag_destroy(payload);
    kt_ledger_request_destroy(&request);
    payload  = calloc(1, sizeof *payload);
    *payload = (kt_payload_t){.tag = {KT_TAG_PAYLOAD}, .request = kt_ledger_request_new(KT_LREQ_STORE, NULL)};
    kt_tag_destroy(payload);  // the sanitizer would report a leak
}
