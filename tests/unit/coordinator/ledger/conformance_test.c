// Conformance: jobs on their way in, leases, claims.
#include "common/clock.h"
#include "tests/unit/coordinator/ledger/conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static kt_inserted_t
insert(kt_ledger_t *ledger, const kt_new_job_t *row, uint64_t *id)
{
    kt_inserted_t how;
    cr_assert_eq(ledger->ops->insert_jobs(ledger, row, 1, &how, id), KT_OK);
    return how;
}

CONFORMS(a_message_is_one_job_however_often_it_comes)
{
    kt_job_t     job;
    kt_new_job_t row;
    uint64_t     first, second, third;
    fixture_job(1, KT_PRIORITY_NORMAL, 0, &job, &row);
    cr_assert_eq(insert(ledger, &row, &first), KT_INSERTED_NEW);
    cr_assert_eq(insert(ledger, &row, &second), KT_INSERTED_KNOWN);
    job.body_digest.bytes[3]++;
    cr_assert_eq(insert(ledger, &row, &third), KT_INSERTED_CLASH);
    cr_assert(first && first == second && second == third);
    cr_assert_eq(fixture_totals(ledger).queued, 1);
}

CONFORMS(repeats_within_one_group_are_known)
{
    kt_job_t      job[3];
    kt_new_job_t  row[3];
    kt_inserted_t how[3];
    uint64_t      ids[3];
    fixture_job(1, KT_PRIORITY_NORMAL, 0, &job[0], &row[0]);
    fixture_job(1, KT_PRIORITY_NORMAL, 0, &job[1], &row[1]);
    fixture_job(2, KT_PRIORITY_NORMAL, 0, &job[2], &row[2]);
    cr_assert_eq(ledger->ops->insert_jobs(ledger, row, 3, how, ids), KT_OK);
    cr_assert(how[0] == KT_INSERTED_NEW && how[1] == KT_INSERTED_KNOWN && how[2] == KT_INSERTED_NEW);
    cr_assert(ids[0] == ids[1] && ids[1] < ids[2]);
}

CONFORMS(a_group_with_a_text_that_cannot_be_stored_changes_nothing)
{
    kt_job_t      job[2];
    kt_new_job_t  row[2];
    kt_inserted_t how[2];
    uint64_t      ids[2];
    fixture_job(1, KT_PRIORITY_NORMAL, 0, &job[0], &row[0]);
    fixture_job(2, KT_PRIORITY_NORMAL, 0, &job[1], &row[1]);
    strcpy(job[1].file_path, "/music/\xff.flac");
    cr_assert_eq(ledger->ops->insert_jobs(ledger, row, 2, how, ids), KT_EBADDATA);
    cr_assert_eq(fixture_totals(ledger).queued, 0);
}

CONFORMS(a_claim_gives_what_was_inserted)
{
    fixture_insert(ledger, 9);
    kt_lease_t   lease = fixture_lease(ledger, "one");
    kt_claimed_t row   = fixture_claim(ledger, &lease);
    cr_assert(row.id.job && row.id.run == 1);
    cr_assert(row.attempts == 0 && row.crashes == 0 && row.priority == KT_PRIORITY_NORMAL);
    cr_assert_eq(row.declared_bytes, 1009);
    cr_assert_float_eq(row.declared_duration_s, 1.5, 1e-9);
    kt_run_id_t ids[1];
    cr_assert_eq(fixture_claim_n(ledger, &lease, 1, 0, ids), 0);
    cr_assert_eq(fixture_totals(ledger).claimed, 1);
}

CONFORMS(the_higher_priority_goes_first_and_the_older_within_it)
{
    const kt_priority_t priorities[] = {KT_PRIORITY_LOW,  KT_PRIORITY_HIGH,   KT_PRIORITY_NORMAL,
                                        KT_PRIORITY_HIGH, KT_PRIORITY_NORMAL, KT_PRIORITY_LOW};
    const uint64_t      expected[]   = {2, 4, 3, 5, 1, 6};
    kt_run_id_t         ids[6];
    for (uint64_t i = 0; i < 6; i++)
        fixture_insert_of(ledger, i + 1, priorities[i], 0);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 3, 0, ids), 3);
    cr_assert_eq(fixture_claim_n(ledger, &lease, 10, 0, ids + 3), 3);
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(ids[i].job, expected[i], "place %zu", i);
}

CONFORMS(low_and_normal_jobs_that_waited_get_a_share_beside_endless_high_ones)
{
    kt_run_id_t ids[16];
    fixture_insert_of(ledger, 1, KT_PRIORITY_LOW, 0);
    fixture_insert_of(ledger, 2, KT_PRIORITY_NORMAL, 0);
    for (uint64_t i = 0; i < 64; i++)
        fixture_insert_of(ledger, i + 3, KT_PRIORITY_HIGH, 0);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 16, 1000, ids), 16);
    for (size_t i = 0; i < 16; i++)
        cr_assert_gt(ids[i].job, 2, "after a second no job has aged");
    size_t low = 0, normal = 0;
    for (int calls = 0; calls < 16; calls++) {  // one by one: small claims keep the share as well
        cr_assert_eq(fixture_claim_n(ledger, &lease, 1, 3600 * 1000, ids), 1);
        low += ids[0].job == 1;
        normal += ids[0].job == 2;
    }
    cr_assert(low == 1 && normal == 1);
}

CONFORMS(a_released_job_is_claimed_again_at_its_old_place)
{
    kt_run_id_t ids[3], again[3];
    for (uint64_t i = 1; i <= 3; i++)
        fixture_insert(ledger, i);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &lease, 2, 0, ids), 2);
    cr_assert_eq(ledger->ops->release(ledger, &lease, ids, 1), KT_OK);
    cr_assert_eq(fixture_claim_n(ledger, &lease, 3, 0, again), 2);
    cr_assert(again[0].job == ids[0].job && again[1].job == 3);
}

CONFORMS(a_new_lease_of_the_same_name_frees_what_the_old_one_held)
{
    kt_run_id_t ids[1], again[1];
    fixture_insert(ledger, 1);
    kt_lease_t old = fixture_lease(ledger, "one");
    cr_assert_eq(fixture_claim_n(ledger, &old, 1, 0, ids), 1);
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_gt(lease.epoch, old.epoch);
    cr_assert_eq(fixture_claim_n(ledger, &lease, 1, 0, again), 1);
    cr_assert_eq(ids[0].job, again[0].job);
    size_t       n;
    kt_claimed_t row;
    cr_assert_eq(ledger->ops->claim(ledger, &old, 1, 0, &row, &n), KT_EFENCED);
    cr_assert_eq(ledger->ops->lease_renew(ledger, &old), KT_EFENCED);
    cr_assert_eq(ledger->ops->lease_renew(ledger, &lease), KT_OK);
}

CONFORMS(another_name_keeps_its_claims_until_its_lease_has_run_out)
{
    kt_run_id_t ids[2];
    kt_lease_t  brief;
    fixture_insert(ledger, 1);
    fixture_insert(ledger, 2);
    kt_lease_t steady = fixture_lease(ledger, "steady");
    cr_assert_eq(fixture_claim_n(ledger, &steady, 1, 0, ids), 1);
    cr_assert_eq(ledger->ops->lease_open(ledger, "brief", 1, &brief), KT_OK);
    cr_assert_eq(fixture_claim_n(ledger, &brief, 1, 0, ids), 1);
    for (int64_t end_ms = kt_clock_wall_ms() + 5; kt_clock_wall_ms() < end_ms;)
        ;
    cr_assert_eq(ledger->ops->lease_renew(ledger, &steady), KT_OK);  // takes over what ran out
    cr_assert_eq(ledger->ops->lease_renew(ledger, &brief), KT_EFENCED);
    cr_assert_eq(fixture_claim_n(ledger, &steady, 2, 0, ids), 1);
    cr_assert_eq(ids[0].job, 2);
    cr_assert_eq(fixture_totals(ledger).claimed, 2);
}

CONFORMS(a_stranger_s_lease_claims_nothing)
{
    kt_lease_t   lease = fixture_lease(ledger, "one"), forged = lease;
    kt_claimed_t row;
    size_t       n;
    strcpy(forged.coordinator, "two");
    cr_assert_eq(ledger->ops->claim(ledger, &forged, 1, 0, &row, &n), KT_EFENCED);
    cr_assert_eq(ledger->ops->lease_renew(ledger, &forged), KT_EFENCED);
    cr_assert_eq(ledger->ops->lease_open(ledger, "", 1000, &lease), KT_EINVAL);
}

CONFORMS(the_oldest_queued_job_is_known_of_any_priority_and_claims_say_when_theirs_came_in)
{
    kt_job_t     job[3];
    kt_new_job_t row[3];
    uint64_t     id;
    kt_claimed_t claimed[1];
    size_t       n = 0;
    cr_assert_eq(fixture_totals(ledger).oldest_queued_ms, 0);
    for (uint64_t i = 0; i < 3; i++) {
        fixture_job(i + 1, (kt_priority_t)i, 0, &job[i], &row[i]);
        row[i].wall_ms = 9000 - 1000 * (int64_t)i;
        cr_assert_eq(insert(ledger, &row[i], &id), KT_INSERTED_NEW);
        cr_assert_eq(fixture_totals(ledger).oldest_queued_ms, row[i].wall_ms);
    }
    kt_lease_t lease = fixture_lease(ledger, "one");
    cr_assert_eq(ledger->ops->claim(ledger, &lease, 1, 0, claimed, &n), KT_OK);
    cr_assert_eq(n, 1);
    cr_assert(claimed[0].created_wall_ms >= 7000 && claimed[0].created_wall_ms <= 9000 &&
              claimed[0].created_wall_ms == row[claimed[0].id.job - 1].wall_ms);
    free(claimed[0].body);
}
