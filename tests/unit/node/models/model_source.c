#include "tests/unit/node/models/model_source.h"

#include "models/catalogue/catalogue.h"
#include "tests/unit/models/ktm_build.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_MS = 10000 };

static void
update_digest(model_source_t *self)
{
    char            why[KT_CATALOGUE_WHY];
    kt_catalogue_t *catalogue = NULL;
    cr_assert_eq(kt_catalogue_new(&catalogue), KT_OK);
    for (size_t i = 0; i < self->n; i++) {
        kt_catalogue_version_t version = {.path = "x", .digest = self->at[i].digest};
        snprintf(version.version, sizeof version.version, "%s", self->at[i].version);
        cr_assert_eq(kt_catalogue_register(catalogue, "audio", self->at[i].name, &version, why), KT_OK);
        cr_assert_eq(kt_catalogue_deploy(catalogue, self->at[i].name, version.version, why), KT_OK);
    }
    kt_catalogue_sample(catalogue, &self->sampling);
    kt_catalogue_digest(catalogue, &self->digest);
    kt_catalogue_destroy(&catalogue);
}

void
model_source_add(model_source_t *self, const char *name, const char *version)
{
    ktm_text_t text = {.name = name, .version = version};
    size_t     i    = self->n++;
    snprintf(self->at[i].name, sizeof self->at[i].name, "%s", name);
    snprintf(self->at[i].version, sizeof self->at[i].version, "%s", version);
    self->at[i].bytes = ktm_build(&text, &self->at[i].length);
    kt_digest_of(self->at[i].bytes, self->at[i].length, &self->at[i].digest);
    update_digest(self);
}

void
model_source_sample(model_source_t *self, double hz, int64_t most)
{
    self->sampling = (kt_sampling_t){hz, most};
    update_digest(self);
}

void
model_source_fini(model_source_t *self)
{
    for (size_t i = 0; i < self->n; i++)
        free(self->at[i].bytes);
    *self = (model_source_t){.n = 0};
}

static kt_bytes_t
bytes_of(const kt_digest_t *digest)
{
    return (kt_bytes_t){(const char *)digest->bytes, sizeof digest->bytes};
}

kt_msg_t
model_source_models(model_source_t *self)
{
    for (size_t i = 0; i < self->n; i++)
        self->items[i] = (kt_wire_model_t){.name    = kt_bytes_of(self->at[i].name),
                                           .version = kt_bytes_of(self->at[i].version),
                                           .type    = kt_bytes_of("audio"),
                                           .digest  = bytes_of(&self->at[i].digest),
                                           .bytes   = self->at[i].length};
    return (kt_msg_t){.type   = KT_MSG_MODELS,
                      .models = {.digest     = bytes_of(&self->digest),
                                 .items      = {self->items, self->n},
                                 .sample_hz  = self->sampling.hz,
                                 .sample_max = (uint64_t)self->sampling.most}};
}

kt_msg_t
model_source_part(const model_source_t *self, const kt_model_want_t *want)
{
    size_t i = 0;
    while (i < self->n && memcmp(&self->at[i].digest, &want->digest, sizeof want->digest))
        i++;
    if (i == self->n || want->offset >= self->at[i].length)
        return (kt_msg_t){.type = KT_MSG_PART,
                          .part = {.digest = bytes_of(&want->digest), .offset = want->offset, .err = KT_ENOTFOUND}};
    size_t left = self->at[i].length - want->offset;
    size_t n    = self->part_bytes && self->part_bytes < left ? self->part_bytes : left;
    return (kt_msg_t){.type = KT_MSG_PART,
                      .part = {.digest = bytes_of(&want->digest),
                               .offset = want->offset,
                               .total  = self->at[i].length,
                               .bytes  = {(const char *)self->at[i].bytes + want->offset, n}}};
}

bool
sync_wants(kt_model_sync_t *sync, kt_model_want_t *want)
{
    bool          news = false, wanted = false;
    struct pollfd fd = {.fd = kt_model_sync_fd(sync), .events = POLLIN};
    while (!news) {
        cr_assert_eq(poll(&fd, 1, PATIENCE_MS), 1, "no news");
        wanted = kt_model_sync_wants(sync, want, &news);
    }
    return wanted;
}

void
sync_feed(kt_model_sync_t *sync, const model_source_t *source)
{
    kt_model_want_t want;
    while (sync_wants(sync, &want)) {
        kt_msg_t part = model_source_part(source, &want);
        kt_model_sync_part(sync, &part.part);
    }
}

void
sync_folder_make(char folder[64])
{
    snprintf(folder, 64, "/tmp/kithara-sync-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static int
remove_one(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts, (void)type, (void)ftw;
    return remove(path);
}

void
sync_folder_remove(const char *folder)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
