package operator

import (
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"tidemark/base/batch"
	"tidemark/plan"
)

// expiry says of the parts of an operator's state, which are numbered by codes,
// when they have expired: when nothing was written to them for their time to
// live, on the clock of the task. The operator tells it of every write, asks
// before it uses a part whether it is over, and forgets what sweep gives it. No
// part that is over is ever used, however late sweep comes to it.
//
// A nil expiry is that of state that lives for ever.
//
// Codes wait in generations, by the time of a write, each code once: what was
// written again is found out when its generation is due, and moves on. So a write
// costs a store, and a code is looked at about once in its time to live.
//
// Of state that has expired the keys are remembered for a while, so that it can
// be told how many were asked for again: for them the time to live was too short.
type expiry struct {
	ttl     int64 // ms
	width   int64 // ms of a generation
	clock   *plan.Context
	now     int64   // ms, of the batch under way
	written []int64 // of each code: ms, or one of the two below
	queue   []writtenIn
	writes  int // since the last sweep

	gone  expiredKeys
	asked func(keys int)
}

// writtenIn is the codes that were written in a stretch of time, when they came
// there; the oldest stretch is the first in the queue.
type writtenIn struct {
	number int64 // of the stretch
	codes  []uint32
}

const (
	// neverWritten is when a code was written of which nothing is known, and
	// withdrawn when one that is in the queue and stands for nothing any more.
	neverWritten = math.MinInt64
	withdrawn    = math.MinInt64 + 1

	// expiryGenerations is into how many stretches the time to live is cut: what
	// has expired takes up memory for as long as one of them, or somewhat more.
	expiryGenerations = 8
	// sweepMin is how many codes a sweep looks at if so many are due. A sweep
	// after more writes looks at twice as many, so that it never falls behind.
	sweepMin = 1 << 12
	// expiredKeysMax is of how many keys whose state has expired it is known
	// again, of the latest ones: at least so many, and less than twice.
	expiredKeysMax = 1 << 17
)

// newExpiry makes the expiry of state with a time to live; nil when it lives for
// ever, as it does in batch mode.
func newExpiry(env Environment, ttl time.Duration) *expiry {
	if ttl == 0 || ttl == plan.Forever || !env.Context.Streaming {
		return nil
	}
	ms := max(ttl.Milliseconds(), 1)
	return &expiry{ttl: ms, width: ms/expiryGenerations + 1, clock: env.Context, now: env.Context.Now.UnixMilli(), gone: newExpiredKeys(), asked: env.Expired}
}

// tick reads the clock, before a batch. Time does not go backwards.
func (x *expiry) tick() {
	if x != nil {
		x.now = max(x.now, x.clock.Now.UnixMilli())
	}
}

// write notes that a part is written now.
func (x *expiry) write(code uint32) {
	if x == nil {
		return
	}
	x.writes++
	x.writeAt(code, x.now)
}

func (x *expiry) writeAt(code uint32, at int64) {
	for int(code) >= len(x.written) {
		x.written = append(x.written, neverWritten)
	}
	if x.written[code] == neverWritten {
		x.enqueue(code, at)
	}
	x.written[code] = at
}

// enqueue puts a code into the generation of a time.
func (x *expiry) enqueue(code uint32, at int64) {
	number := floorDivide(at, x.width)
	i := len(x.queue)
	for i > 0 && x.queue[i-1].number > number {
		i--
	}
	if i == 0 || x.queue[i-1].number != number {
		x.queue = slices.Insert(x.queue, i, writtenIn{number: number})
		i++
	}
	x.queue[i-1].codes = append(x.queue[i-1].codes, code)
}

// isOver reports whether a part has expired, and is not to be used.
func (x *expiry) isOver(code uint32) bool {
	if x == nil || int(code) >= len(x.written) {
		return false
	}
	at := x.written[code]
	return at > withdrawn && at+x.ttl <= x.now
}

// someOver reports whether there may be a part that is over.
func (x *expiry) someOver() bool {
	return x != nil && len(x.queue) > 0 && x.queue[0].number*x.width+x.ttl <= x.now
}

// forget says that there is no part with the code any more.
func (x *expiry) forget(code uint32) {
	if x != nil && int(code) < len(x.written) && x.written[code] != neverWritten {
		x.written[code] = withdrawn
	}
}

// sweep calls expire with parts that are over, at a Flush: it looks at some of
// those that are due, and goes on with the next call.
func (x *expiry) sweep(expire func(code uint32)) {
	if x == nil {
		return
	}
	x.tick()
	budget := max(sweepMin, 2*x.writes)
	x.writes = 0
	for budget > 0 && len(x.queue) > 0 && (x.queue[0].number+1)*x.width+x.ttl <= x.now {
		all := x.queue[0].codes
		rest := max(0, len(all)-budget)
		budget -= len(all) - rest
		if x.queue[0].codes = all[:rest]; rest == 0 {
			x.queue = slices.Delete(x.queue, 0, 1)
		}
		for _, code := range all[rest:] {
			at := x.written[code]
			x.written[code] = neverWritten
			switch {
			case at == withdrawn:
			case at+x.ttl <= x.now:
				expire(code)
			default:
				x.writeAt(code, at)
			}
		}
	}
}

// expired remembers the key of state that has expired and is being forgotten.
func (x *expiry) expired(key []byte) { x.gone.add(key) }

// ask counts a key that is asked for, if its state has expired.
func (x *expiry) ask(key []byte) {
	if x != nil && x.gone.take(key) && x.asked != nil {
		x.asked(1)
	}
}

// reset forgets all codes, but not the keys of what has expired.
func (x *expiry) reset() {
	if x != nil {
		x.written, x.queue = x.written[:0], x.queue[:0]
	}
}

// held is how many bytes it takes, but for the keys of what has expired.
func (x *expiry) held() int64 {
	if x == nil {
		return 0
	}
	n := 8 * int64(cap(x.written))
	for _, in := range x.queue {
		n += 4 * int64(cap(in.codes))
	}
	return n
}

// append puts in front of the stored form of a part when it was written last, or
// now if it never was (varint, ms); nothing where state lives for ever.
func (x *expiry) append(to []byte, code uint32) []byte {
	if x == nil {
		return to
	}
	at := x.now
	if int(code) < len(x.written) && x.written[code] > withdrawn {
		at = x.written[code]
	}
	return binary.AppendVarint(to, at)
}

var errWrittenAt = errors.New("the time of the last write is cut off")

// cut takes off what append put in front.
func (x *expiry) cut(from []byte) (at int64, rest []byte, err error) {
	if x == nil {
		return 0, from, nil
	}
	at, used := binary.Varint(from)
	if used <= 0 || at <= withdrawn {
		return 0, nil, errWrittenAt
	}
	return at, from[used:], nil
}

// restore notes when a part that comes from stored state was written.
func (x *expiry) restore(code uint32, at int64) {
	if x != nil {
		x.writeAt(code, at)
	}
}

// expiredKeys is a set of keys, as hashes of 64 bits: of those added last.
// Different keys are the same to it once in 2^46 times or less.
type expiredKeys struct {
	seed          uint64
	recent, older map[uint64]struct{}
}

func newExpiredKeys() expiredKeys {
	return expiredKeys{seed: rand.Uint64(), recent: map[uint64]struct{}{}}
}

func (k *expiredKeys) add(key []byte) {
	if len(k.recent) == expiredKeysMax {
		k.older, k.recent = k.recent, map[uint64]struct{}{}
	}
	k.recent[batch.Hash(k.seed, key)] = struct{}{}
}

// take removes a key, and reports whether it was there.
func (k *expiredKeys) take(key []byte) bool {
	if len(k.recent)+len(k.older) == 0 {
		return false
	}
	hash := batch.Hash(k.seed, key)
	_, recently := k.recent[hash]
	_, before := k.older[hash]
	delete(k.recent, hash)
	delete(k.older, hash)
	return recently || before
}
