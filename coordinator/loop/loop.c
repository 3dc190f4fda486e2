#include "coordinator/loop/loop.h"

#include "common/clock.h"

static void
loop_notify_drain(void *context, const char *node_name, bool on)
{
    kt_dispatcher_send_drain(context, node_name, on, "asked by an operator");
}

static void
loop_keys_changed(void *context)
{
    kt_admission_apply_keys(context);
}

kt_err_t
kt_loop_init(kt_loop_t *self, const kt_loop_opts_t *opts)
{
    *self                          = (kt_loop_t){.opts = *opts};
    kt_sink_t            sink      = kt_dispatcher_sink(&self->dispatcher);
    kt_dispatcher_opts_t dispatch  = {.port            = &self->port,
                                      .lease           = &self->lease,
                                      .drains          = &self->drains,
                                      .peers           = &self->peers,
                                      .counters        = &self->counters,
                                      .credentials     = opts->credentials,
                                      .sender          = opts->sender,
                                      .job_deadline_ms = opts->settings->job_deadline_s * 1000,
                                      .context         = opts->context,
                                      .on_outcome      = opts->on_outcome,
                                      .on_fatal        = opts->on_fatal};
    kt_queries_opts_t    questions = {.dispatcher     = &self->dispatcher,
                                      .port           = &self->port,
                                      .lease          = &self->lease,
                                      .peers          = &self->peers,
                                      .counters       = &self->counters,
                                      .roster         = &self->roster,
                                      .coordinator    = opts->name,
                                      .context        = opts->context,
                                      .fill           = opts->fill_snapshot,
                                      .on_ledger_call = opts->on_ledger_call};
    self->admission.opts           = (kt_admission_opts_t){.dispatcher  = &self->dispatcher,
                                                           .lease       = &self->lease,
                                                           .drains      = &self->drains,
                                                           .peers       = &self->peers,
                                                           .counters    = &self->counters,
                                                           .settings    = opts->settings,
                                                           .keys        = opts->keys,
                                                           .models      = &self->models,
                                                           .roster      = &self->roster,
                                                           .port        = &self->port,
                                                           .coordinator = opts->name,
                                                           .instance    = opts->instance,
                                                           .context     = opts->context,
                                                           .allow       = opts->allow_keys};
    self->counters.started_ms      = kt_clock_ms();
    kt_peers_init(&self->peers);
    kt_roster_init(&self->roster, &self->port, opts->keys, opts->keeps_nodes, &self->admission, loop_keys_changed);
    kt_ledger_port_init(&self->port, sink);
    kt_lease_init(&self->lease, &self->port, sink, opts->name, opts->settings->lease_ms);
    self->lease.exclusive = opts->exclusive;
    kt_drains_init(&self->drains, &self->port, sink, loop_notify_drain);
    kt_err_t err = kt_dispatcher_init(&self->dispatcher, &dispatch, &opts->sched);
    kt_model_link_init(&self->models, opts->models, &self->dispatcher);
    kt_receiver_init(&self->receiver, &self->dispatcher, &self->admission);
    self->sampler = (kt_sampler_t){.queries = &self->queries, .history = opts->history, .events = opts->events};
    return err ? err : kt_queries_init(&self->queries, &questions);
}

void
kt_loop_fini(kt_loop_t *self)
{
    kt_ledger_port_fini(&self->port);
    kt_dispatcher_fini(&self->dispatcher);
    kt_queries_fini(&self->queries);
    kt_receiver_fini(&self->receiver);
    kt_drains_fini(&self->drains);
    kt_roster_fini(&self->roster);
    kt_peers_fini(&self->peers);
}

kt_err_t
kt_loop_start(kt_loop_t *self)
{
    kt_drains_read(&self->drains);
    if (!self->drains.asked_ms)
        return KT_ENOMEM;
    kt_lease_tick(&self->lease, kt_clock_ms());
    return KT_OK;
}

void
kt_loop_answered(kt_loop_t *self)
{
    kt_dispatcher_report_work(&self->dispatcher);
    kt_ledger_port_post_overflow(&self->port);
}

void
kt_loop_tick(kt_loop_t *self, int64_t now_ms)
{
    kt_event_t event = {.type = KT_EV_TICK};
    kt_lease_tick(&self->lease, now_ms);
    if (now_ms >= kt_sched_deadline_ms(self->dispatcher.sched))
        kt_dispatcher_step_or_fail(&self->dispatcher, &event);
    kt_ledger_port_post_overflow(&self->port);
    if (!kt_counters_tick(&self->counters, now_ms))
        return;

    // Once a second.
    kt_admission_check_keys(&self->admission, false);
    kt_model_link_tick(&self->models);
    kt_drains_tick(&self->drains, now_ms);
    kt_roster_tick(&self->roster, &self->peers, now_ms, kt_clock_wall_ms());
    kt_admission_log_nodes(&self->admission, now_ms);
    kt_admission_prune(&self->admission, now_ms);
    kt_ledger_request_t *request =
        kt_retention_tick(&self->retention, self->opts.settings->retention_days, now_ms, kt_clock_wall_ms());
    if (request)
        kt_ledger_port_post(&self->port, &request);
    kt_sampler_tick(&self->sampler, now_ms, kt_clock_wall_ms());
}
