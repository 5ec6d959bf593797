// Package eventlog is the durable, replayable log that events go into before
// anything else is done with them.
//
// It is not a message broker (no consumer groups, no network), not a store for
// questions, and it does not look into events: a value is whatever bytes a door
// accepted.
//
// A Log has topics, one for each native table; a Topic has partitions; a
// partition is a folder of segment files that hold Kafka RecordBatch bytes
// (docs/formats/eventlog.md), and a checkpoint that spares the next start from
// reading them all.
//
// Flow of an append: Topic.Append checks the events and claims their
// idempotency key → writer.append queues them → writer.commit encodes everything
// that waits behind each other, writes it past the page cache, syncs once →
// partition.publish raises the high water → callers and readers wake.
// Flow of a read: Reader.Next → partition.at finds the segment → the index finds
// a position → whole batches are loaded, checked and handed out as a Block.
// Flow of maintenance, in the background: segments that are old are ended → those
// that are not written to any more are compressed (partition.seal), frame by frame,
// and take the place of the plain ones. They read as the plain ones did.
// Flow of a start: checkpoint → scanner.survey of what came after it → a torn
// tail is cut off, the rest synced → writers start.
//
// Invariants:
//
//  1. An append that returned nil can be read after any crash. Only bytes of
//     the last write run, which nobody was told of, are ever cut off.
//
//  2. An append is one batch: all of it is there, with its idempotency key, or
//     nothing.
//
//  3. Offsets of a partition are given once, in order, without gaps. Those of
//     records that are damaged are not given again.
//
//  4. Readers see only what is synced, in the order of the offsets. What comes
//     from a disk is checked batch by batch against its checksum; what this
//     process wrote a moment ago is given to them from memory, as it is.
//
//  5. A segment is never appended to after a failed sync or after a later
//     segment may exist. The base offset in a segment's name ends the one before.
//
//  6. A write run begins only after the one before it was synced, and each
//     batch tells where its run begins: this tells torn from damaged.
//
//  7. Damage is reported where it is read, as problem.Corrupt with file and
//     offset; it stops neither what is behind it nor other partitions.
//
//  8. A producer's numbered batches are appended in their order and once, over
//     any crash, for as long as the producer is remembered.
//
//  9. Events are refused before the disk is full (Log.checkRoom): what was
//     accepted has to get into state and tables.
//
// Lock order: Topic.file stands alone; maintenance.working, then Log.mu, then partition.sealing, then
// partition.checkpointing, then index.building, then
// one of partition.mu, keyTable.mu, producerTable.mu, index.mu, writer.queue, which never nest.
package eventlog
