// kt_model_link -- the coordinator's model set on its way to the nodes: MODELS after each WELCOME and after each
// change, PART for each FETCH. Loop thread; the files are read by the store's thread.
#pragma once

#include "coordinator/loop/dispatcher.h"
#include "coordinator/models/store.h"

typedef struct kt_model_link {
    kt_model_store_t   *store;       // NULL: no catalogue
    kt_dispatcher_t    *dispatcher;  // borrowed, both
    uint64_t            sequence;    // of the manifest
    bool                exists;      // there is a catalogue
    kt_model_manifest_t manifest;
} kt_model_link_t;

void kt_model_link_init(kt_model_link_t *self, kt_model_store_t *store, kt_dispatcher_t *dispatcher);
// The digest for WELCOME, borrowed; empty: there is no catalogue.
kt_bytes_t kt_model_link_digest(kt_model_link_t *self);
void       kt_model_link_welcomed(kt_model_link_t *self, kt_node_handle_t to);  // sends MODELS if there is a catalogue
void       kt_model_link_tick(kt_model_link_t *self);                           // sends MODELS to all after a change
void       kt_model_link_fetch(kt_model_link_t *self, kt_node_handle_t from, const kt_msg_fetch_t *msg);
void       kt_model_link_parts(kt_model_link_t *self);  // sends what the store has read
