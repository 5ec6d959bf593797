package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"tidemark/base/batch"
	"tidemark/examples/draw"
)

// joinScript is the query of the benchmark: which impression a click belongs to.
const joinScript = `CREATE TABLE impressions (
  request_id STRING,
  ad_id      BIGINT,
  ts         BIGINT,
  shown_at AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR shown_at AS shown_at - INTERVAL '0.064' SECOND
);
CREATE TABLE clicks (
  request_id STRING,
  ts         BIGINT,
  clicked_at AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR clicked_at AS clicked_at - INTERVAL '0.064' SECOND
);
SELECT i.request_id, i.ad_id, i.shown_at, c.clicked_at
FROM impressions i
JOIN clicks c ON i.request_id = c.request_id AND c.clicked_at BETWEEN i.shown_at AND i.shown_at + INTERVAL '5' MINUTE`

// The load of join, in milliseconds where it is time.
const (
	joinSeed        = 1
	joinStart       = 1_704_067_200_000
	joinSpan        = 300_000
	joinDelay       = 30_000 // of a click behind its impression, on average
	joinDisorder    = 60
	joinClickShare  = 50 // of so many impressions one is clicked
	joinAds         = 100_000
	joinPayload     = 8    // bytes of an impression beside its id and its time: ad_id
	joinBlockEvents = 2048 // about 256 KiB
	joinClickBlocks = 8    // so many blocks' clicks are one block

	impressionDraws = 4
	clickDraws      = 6
)

// joinLoad is impressions at a constant rate, each in a slot of its own, and
// clicks, at most one a slot. Slot n of a number of keys is the same whoever makes it.
type joinLoad struct {
	keys        int64 // impressions in joinSpan
	impressions int64
}

// impression is one of them.
type impression struct {
	id [2]uint64
	ad int64
	at int64
}

// slotTime is when a slot is, but for the disorder.
func (l *joinLoad) slotTime(slot int64) int64 { return joinStart + slot*joinSpan/l.keys }

func (l *joinLoad) impression(slot int64) impression {
	r := draw.At(draw.Mix(joinSeed), slot, impressionDraws)
	i := impression{id: [2]uint64{r.Next(), r.Next()}, ad: r.Below64(joinAds)}
	i.at = l.slotTime(slot) - r.Below64(joinDisorder)
	return i
}

// click is the click of a slot, with the impression that it names: there may be
// none of that id.
func (l *joinLoad) click(slot int64) (named impression, at int64, ok bool) {
	r := draw.At(draw.Mix(^uint64(joinSeed)), slot, clickDraws)
	if r.Below(joinClickShare) != 0 {
		return named, 0, false
	}
	at = l.slotTime(slot) - r.Below64(joinDisorder)
	delay := -math.Log(float64(r.Below64(1<<52)+1)/(1<<52)) * joinDelay
	kind := r.Below(100)
	switch kind {
	case 0, 1: // as late as can be, and a millisecond more
		delay = joinSpan
	case 2:
		delay += joinSpan
	}
	from := slot - int64(delay)*l.keys/joinSpan
	if kind == 3 || from < 0 {
		return impression{id: [2]uint64{r.Next(), r.Next()}}, at, true
	}
	named = l.impression(from)
	if kind < 2 {
		at = named.at + joinSpan + int64(kind)
	}
	return named, at, true
}

func (l *joinLoad) appendImpressions(to []byte, from, until int64) []byte {
	for slot := from; slot < until; slot++ {
		i := l.impression(slot)
		to = appendID(append(to, `{"request_id": "`...), i.id)
		to = strconv.AppendInt(append(to, `", "ad_id": `...), i.ad, 10)
		to = strconv.AppendInt(append(to, `, "site": "news", "price": 0.0125, "ts": `...), i.at, 10)
		to = append(to, "}\n"...)
	}
	return to
}

func (l *joinLoad) appendClicks(to []byte, from, until int64) []byte {
	for slot := from; slot < until; slot++ {
		if named, at, ok := l.click(slot); ok {
			to = appendID(append(to, `{"request_id": "`...), named.id)
			to = strconv.AppendInt(append(to, `", "ts": `...), at, 10)
			to = append(to, "}\n"...)
		}
	}
	return to
}

// appendID writes an id as a UUID.
func appendID(to []byte, id [2]uint64) []byte {
	var raw [16]byte
	for i := range raw {
		raw[i] = byte(id[i/8] >> (56 - i%8*8))
	}
	from := 0
	for _, end := range [...]int{4, 6, 8, 10, 16} {
		if from > 0 {
			to = append(to, '-')
		}
		to = hex.AppendEncode(to, raw[from:end])
		from = end
	}
	return to
}

// joinAnswer is a set of pairs: how many, and the sum of their hashes.
type joinAnswer struct{ rows, sum uint64 }

func (a *joinAnswer) add(id []byte, ad, shown, clicked int64) {
	a.rows++
	a.sum += draw.Mix(batch.Hash(uint64(ad), id) + draw.Mix(uint64(shown)) + draw.Mix(uint64(clicked)+1)*3)
}

// difference says how got is not a, "" when it is.
func (a joinAnswer) difference(got joinAnswer) string {
	if got == a {
		return ""
	}
	return fmt.Sprintf("%d pairs with the sum %x, not %d with %x", got.rows, got.sum, a.rows, a.sum)
}

// answer is the pairs that there are.
func (l *joinLoad) answer() joinAnswer {
	var a joinAnswer
	var id []byte
	for slot := range l.impressions {
		named, at, ok := l.click(slot)
		if ok && named.at <= at && at <= named.at+joinSpan {
			id = appendID(id[:0], named.id)
			a.add(id, named.ad, named.at, at)
		}
	}
	return a
}

// joinFeed makes the events of one partition: every so many blocks of slots. Clicks
// come when the impressions of their time have been made, as they would.
type joinFeed struct {
	load       *joinLoad
	partitions int64
	next       int64         // block of impressions
	told       int64         // block whose impressions clicks have not been told of, nor of those behind it
	made       chan [2]int64 // blocks whose impressions have been made: from one up to another
}

func newJoinFeed(load *joinLoad, partition, partitions int) *joinFeed {
	first := int64(partition)
	return &joinFeed{load: load, partitions: int64(partitions), next: first, told: first, made: make(chan [2]int64, 1)}
}

func (f *joinFeed) slots(block int64) (from, until int64) {
	from = block * joinBlockEvents
	return min(from, f.load.impressions), min(from+joinBlockEvents, f.load.impressions)
}

// impressions makes block after block.
func (f *joinFeed) impressions(ctx context.Context) func(block []byte) ([]byte, bool) {
	return func(block []byte) ([]byte, bool) {
		from, until := f.slots(f.next)
		isOver := from == until
		if untold := (f.next - f.told) / f.partitions; untold == joinClickBlocks || isOver && untold > 0 {
			select {
			case f.made <- [2]int64{f.told, f.next}:
			case <-ctx.Done():
			}
			f.told = f.next
		}
		if isOver {
			close(f.made)
			return block, false
		}
		f.next += f.partitions
		return f.load.appendImpressions(block, from, until), true
	}
}

// clicks makes the clicks of the blocks that it is told of.
func (f *joinFeed) clicks(ctx context.Context) func(block []byte) ([]byte, bool) {
	return func(block []byte) ([]byte, bool) {
		select {
		case made, ok := <-f.made:
			if !ok {
				return block, false
			}
			for b := made[0]; b < made[1]; b += f.partitions {
				from, until := f.slots(b)
				block = f.load.appendClicks(block, from, until)
			}
			return block, true
		case <-ctx.Done():
			return block, false
		}
	}
}
