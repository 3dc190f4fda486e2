#include "common/text.h"
#include "models/catalogue/set_private.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// Identity of a models.yml, by which a change is seen; zeros: there is none.
typedef struct seen {
    dev_t           device;
    ino_t           inode;
    off_t           size;
    struct timespec mtime;
} seen_t;

struct kt_model_folder {
    char            folder[PATH_MAX];
    kt_model_opts_t opts;
    pthread_mutex_t refreshing;  // held while a set is opened; taken before `lock`, which is held briefly
    seen_t          seen;
    pthread_mutex_t lock;
    kt_model_set_t *set;
};

static seen_t
look(const kt_model_folder_t *self)
{
    char        path[PATH_MAX];
    struct stat facts;
    seen_t      seen;
    memset(&seen, 0, sizeof seen);
    if (snprintf(path, sizeof path, "%s/models.yml", self->folder) >= PATH_MAX || stat(path, &facts))
        return seen;
    seen.device = facts.st_dev;
    seen.inode  = facts.st_ino;
    seen.size   = facts.st_size;
    seen.mtime  = facts.st_mtim;
    return seen;
}

kt_err_t
kt_model_folder_open(kt_model_folder_t **self_p, const char *folder, const kt_model_opts_t *opts,
                     char why[KT_CATALOGUE_WHY])
{
    kt_model_folder_t *self = calloc(1, sizeof *self);
    why[0]                  = '\0';
    if (!self)
        return KT_ENOMEM;
    pthread_mutex_init(&self->refreshing, NULL);
    pthread_mutex_init(&self->lock, NULL);
    if (opts)
        self->opts = *opts;
    kt_err_t err = kt_text_copy(self->folder, sizeof self->folder, folder)
                       ? KT_OK
                       : kt_text_explain(why, KT_CATALOGUE_WHY, KT_EINVAL, "the folder's path is too long");
    self->seen   = look(self);
    if (!err)
        err = kt_model_set_open(&self->set, folder, &self->opts, why);
    if (err)
        kt_model_folder_close(&self);
    else
        *self_p = self;
    return err;
}

void
kt_model_folder_close(kt_model_folder_t **self_p)
{
    kt_model_folder_t *self = *self_p;
    if (!self)
        return;
    kt_model_set_release(&self->set);
    pthread_mutex_destroy(&self->refreshing);
    pthread_mutex_destroy(&self->lock);
    free(self);
    *self_p = NULL;
}

kt_err_t
kt_model_folder_move(kt_model_folder_t *self, const char *folder)
{
    char copy[PATH_MAX];
    if (!kt_text_copy(copy, sizeof copy, folder))
        return KT_EINVAL;
    pthread_mutex_lock(&self->refreshing);
    if (strcmp(self->folder, copy))
        memset(&self->seen, 0xff, sizeof self->seen);  // whatever is there is new
    memcpy(self->folder, copy, sizeof copy);
    pthread_mutex_unlock(&self->refreshing);
    return KT_OK;
}

// A model that works in the old set and not in the new one.
static kt_err_t
compare_sets(const kt_model_set_t *before, const kt_model_set_t *after, char why[KT_CATALOGUE_WHY])
{
    for (size_t i = 0; i < kt_model_set_count(after); i++) {
        const kt_model_entry_t *entry = kt_model_set_at(after, i);
        const kt_model_entry_t *old   = kt_model_set_find(before, entry->name);
        if (!entry->model && old && old->model)
            return kt_text_explain(why, KT_CATALOGUE_WHY, KT_EMODEL, "%s %s: %s: %.120s", entry->name, entry->version,
                                   kt_err_name(entry->err), entry->why);
    }
    return KT_OK;
}

// A text that was not valid is looked at again when it has changed once more.
kt_err_t
kt_model_folder_refresh(kt_model_folder_t *self, bool *changed, char why[KT_CATALOGUE_WHY])
{
    kt_err_t err = KT_OK;
    *changed     = false;
    why[0]       = '\0';
    pthread_mutex_lock(&self->refreshing);
    seen_t seen = look(self);
    if (memcmp(&seen, &self->seen, sizeof seen)) {
        kt_model_set_t *set = NULL;
        self->seen          = seen;
        err                 = kt_model_set_open_after(&set, self->set, self->folder, &self->opts, why);
        if (!err)
            err = compare_sets(self->set, set, why);
        if (!err) {
            pthread_mutex_lock(&self->lock);
            kt_model_set_t *before = self->set;
            self->set              = set;
            pthread_mutex_unlock(&self->lock);
            kt_model_set_release(&before);
            *changed = true;
            set      = NULL;
        } else if (err != KT_ECATALOGUE && err != KT_EMODEL) {
            memset(&self->seen, 0xff, sizeof self->seen);  // out of memory and the like: tried again
        }
        kt_model_set_release(&set);
    }
    pthread_mutex_unlock(&self->refreshing);
    return err;
}

kt_model_set_t *
kt_model_folder_set(kt_model_folder_t *self)
{
    pthread_mutex_lock(&self->lock);
    kt_model_set_t *set = kt_model_set_hold(self->set);
    pthread_mutex_unlock(&self->lock);
    return set;
}
