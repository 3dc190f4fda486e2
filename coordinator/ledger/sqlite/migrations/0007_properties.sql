-- The properties of an input message as the broker gave them (AMQP's encoding of a content header's properties): all of
-- them for a dead letter; of a job, and of a reply, what its answer needs. NULL: none.
ALTER TABLE inputs ADD COLUMN properties BLOB;
ALTER TABLE outbox ADD COLUMN properties BLOB;
