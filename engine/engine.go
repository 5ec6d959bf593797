// Package engine is the contract of what runs a plan: operators, the epochs
// they commit in, and the event time they follow.
//
// It has no operator and no loop of its own: operators are in engine/operator,
// expressions in engine/expr, what they remember in engine/state, the way of
// batches between workers in engine/exchange, and the job that drives all of it
// in engine/job. It knows neither connectors' kinds nor stores.
//
// Flow within a worker, for each message of an input:
//
//	batch     → Process(port, batch, emit)
//	watermark → Advance(watermark, emit)      emit comes before the watermark moves on downstream
//	barrier   → Flush(emit) ; Save(changes)   then the barrier moves on downstream
//	end       → the watermark Final, then a last barrier
//
// Invariants:
//  1. Lateness is a property of a row: an operator compares its time with the
//     row's own mark (batch.Batch.Marks), never with the operator's watermark. So
//     the answer does not depend on batch size, parallelism or flush rhythm.
//  2. An operator is used by one goroutine.
//  3. What Save wrote for all epochs up to n, given to Load, gives an operator
//     that behaves as it did at barrier n, for the key groups it is loaded with.
//  4. Emitted batches belong to the receiver.
package engine

import (
	"tidemark/base/batch"
	"tidemark/connect"
)

// Epoch numbers what a job commits atomically.
type Epoch = connect.Epoch

// Watermark is an event time in milliseconds: no row at or before it is
// expected any more. batch.NoMark before the first, batch.Final at the end.
type Watermark = int64

// Emit passes a batch on downstream.
type Emit func(*batch.Batch) error

// Operator turns input rows into output rows.
type Operator interface {
	// Process takes a batch of the given input.
	Process(port int, rows *batch.Batch, emit Emit) error
	// Advance says that the combined watermark of all inputs has risen to w. It
	// emits what is due.
	Advance(w Watermark, emit Emit) error
	// Flush emits changes held back until now to be compacted (updates of
	// unbounded groups, early window results). It is called before every Save.
	Flush(emit Emit) error
	// Save writes what has changed since the last Save.
	Save(to Changes) error
	// Load reads what was saved for the key groups the operator is responsible for.
	Load(from Saved) error
}

// Holder is an Operator whose results can be older than its watermark: what
// comes next is told an earlier one.
type Holder interface {
	// Held is the watermark downstream when the operator's own is w: it rises
	// with w, is NoMark for NoMark and Final for Final.
	Held(w Watermark) Watermark
}

// Passer is an Operator that may use up batches whose memory is filled again
// afterwards (batch.Lease).
type Passer interface {
	// KeepsNothing tells that after Process nothing is left of the memory of its
	// rows but in batches that it emitted meanwhile.
	KeepsNothing() bool
}

// Snapshotter is an Operator whose state has all that it gave and did not take back.
type Snapshotter interface {
	// Snapshot emits that as new rows. It is called once, behind Load, instead of all
	// the rest.
	Snapshot(emit Emit) error
}

// KeyGroups is the number of parts that keyed state is cut into; a key belongs
// to group hash(key) % KeyGroups whatever the parallelism, so that state can be
// dealt out anew.
const KeyGroups = 128

// KeyGroup is one of these parts.
type KeyGroup uint16

// Worker is the part of the key groups [From, To) that one of several parallel
// instances of an operator looks after.
type Worker struct{ From, To KeyGroup }

// WorkerOf cuts the key groups evenly among n workers and gives the share of
// worker i. The worker of a group is Route.
func WorkerOf(i, n int) Worker {
	return Worker{From: KeyGroup((i*KeyGroups + n - 1) / n), To: KeyGroup(((i+1)*KeyGroups + n - 1) / n)}
}

// Route is the worker, of n, that looks after the group.
func Route(g KeyGroup, n int) int { return int(g) * n / KeyGroups }

// Changes takes an operator's state changes of one epoch. Keys are the
// operator's own; the later write of one key wins. Slices are copied.
type Changes interface {
	Put(group KeyGroup, key, val []byte)
	Delete(group KeyGroup, key []byte)
}

// Saved gives back an operator's state.
type Saved interface {
	// Each calls f with every key of the groups in w, in no particular order;
	// the slices are valid during the call.
	Each(w Worker, f func(group KeyGroup, key, val []byte) error) error
}
