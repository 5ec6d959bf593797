// Package ysb is the workload of the Yahoo Streaming Benchmark: ad events as
// JSON, the views of every campaign in windows of 10 s as SQL, and the exact
// answer.
//
// It measures nothing (see tidemark bench) and is not the benchmark's original
// program. One thing differs from that: an ad's campaign is not looked up in a
// table, it is the last group of the ad's id.
//
// Flow: New draws the ids → AppendEvents writes any range of events → Answer
// counts what the query must give for the first n of them.
//
// Invariants:
//  1. Event n of a seed is the same bytes whoever writes it and from wherever
//     the writing starts: it owns a fixed place in one pseudo-random sequence.
//  2. Event times never fall, so that no event is ever late.
package ysb

import (
	"bytes"
	"strconv"
	"time"

	"tidemark/examples/draw"
)

// Shape of the workload.
const (
	Campaigns      = 100
	AdsPerCampaign = 10
	Window         = 10 * time.Second
	// EventRate is how many events happen in a second of event time.
	EventRate = 10_000

	poolSize      = 100 // user ids and page ids
	campaignBytes = 12  // of an id: its last group
	eventBytes    = 256 // of a line, about

	drawsPerEvent = 8
)

// Table defines the events. WITH and options may follow.
const Table = `CREATE TABLE ad_events (
  user_id    STRING,
  page_id    STRING,
  ad_id      STRING,
  ad_type    STRING,
  event_type STRING,
  event_time STRING,
  ip_address STRING,
  ts AS TO_TIMESTAMP_LTZ(CAST(event_time AS BIGINT), 3),
  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
)`

// Query gives the views of every campaign and window.
const Query = `SELECT SUBSTRING(ad_id, 25) AS campaign, window_start, COUNT(*) AS seen
FROM TABLE(TUMBLE(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '10' SECOND))
WHERE event_type = 'view'
GROUP BY SUBSTRING(ad_id, 25), window_start, window_end`

// Start is the time of the first event, the start of a window.
var Start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	adTypes    = []string{"banner", "modal", "sponsored-search", "mail", "mobile"}
	eventTypes = []string{"view", "click", "purchase"}
)

const view = 0 // in eventTypes

type id [36]byte

// Workload is a stream of events. It is safe for concurrent use.
type Workload struct {
	seed  uint64
	users [poolSize]id
	pages [poolSize]id
	ads   [Campaigns * AdsPerCampaign]id
}

// New draws the ids of a stream.
func New(seed uint64) *Workload {
	w := &Workload{seed: draw.Mix(seed)}
	r := draw.From(draw.Mix(^w.seed))
	for i := range poolSize {
		w.users[i], w.pages[i] = drawID(&r), drawID(&r)
	}
	var campaign id
	for i := range w.ads {
		if i%AdsPerCampaign == 0 {
			campaign = drawID(&r)
		}
		w.ads[i] = drawID(&r)
		copy(w.ads[i][len(id{})-campaignBytes:], campaign[len(id{})-campaignBytes:])
	}
	return w
}

// drawID draws a random (version 4) UUID.
func drawID(r *draw.Sequence) (drawn id) {
	const digits = "0123456789abcdef"
	halves := [2]uint64{r.Next()&^0xF000 | 0x4000, r.Next()&^(3<<62) | 2<<62}
	at := 0
	for i := range 32 {
		if i == 8 || i == 12 || i == 16 || i == 20 {
			drawn[at] = '-'
			at++
		}
		drawn[at] = digits[halves[i/16]>>(60-i%16*4)&15]
		at++
	}
	return drawn
}

// event is what is drawn for one event.
type event struct {
	user, page, ad, adType, eventType int
	at                                int64 // Unix ms
}

func (w *Workload) event(n int64) event {
	r := draw.At(w.seed, n, drawsPerEvent)
	return event{
		user: r.Below(poolSize), page: r.Below(poolSize), ad: r.Below(len(w.ads)),
		adType: r.Below(len(adTypes)), eventType: r.Below(len(eventTypes)), at: At(n).UnixMilli(),
	}
}

// At is when event n happens.
func At(n int64) time.Time {
	return Start.Add(time.Duration(n*1000/EventRate) * time.Millisecond)
}

// EventBytes is how many bytes n events take at most.
func EventBytes(n int64) int { return int(n+1) * eventBytes * 5 / 4 }

// AppendEvents appends events from to to-1 as lines of JSON, in the key order
// and with the spaces of the original benchmark.
func (w *Workload) AppendEvents(lines []byte, from, to int64) []byte {
	for n := from; n < to; n++ {
		e := w.event(n)
		lines = append(lines, `{"user_id": "`...)
		lines = append(lines, w.users[e.user][:]...)
		lines = append(lines, `", "page_id": "`...)
		lines = append(lines, w.pages[e.page][:]...)
		lines = append(lines, `", "ad_id": "`...)
		lines = append(lines, w.ads[e.ad][:]...)
		lines = append(lines, `", "ad_type": "`...)
		lines = append(lines, adTypes[e.adType]...)
		lines = append(lines, `", "event_type": "`...)
		lines = append(lines, eventTypes[e.eventType]...)
		lines = append(lines, `", "event_time": "`...)
		lines = strconv.AppendInt(lines, e.at, 10)
		lines = append(lines, "\", \"ip_address\": \"1.2.3.4\"}\n"...)
	}
	return lines
}

// AppendClosing appends an event that is no view and happens so long after the
// first n that their windows close.
func (w *Workload) AppendClosing(lines []byte, n int64) []byte {
	before := len(lines)
	lines = w.AppendEvents(lines, n, n+1)
	text := lines[before:]
	now, later := At(n).UnixMilli(), At(n).Add(time.Hour).UnixMilli()
	text = bytes.Replace(text, strconv.AppendInt(nil, now, 10), strconv.AppendInt(nil, later, 10), 1)
	text = bytes.Replace(text, []byte(`"`+eventTypes[view]+`"`), []byte(`"`+eventTypes[view+1]+`"`), 1)
	return append(lines[:before], text...)
}

// Key is a row of the answer.
type Key struct {
	Campaign string
	Window   int64 // its start, Unix ms
}

// Answer is how many views every campaign has in every window, for the first n
// events.
func (w *Workload) Answer(n int64) map[Key]int64 {
	type place struct {
		ad     int
		window int64
	}
	counts := map[place]int64{}
	for i := range n {
		if e := w.event(i); e.eventType == view {
			counts[place{e.ad / AdsPerCampaign, e.at - e.at%Window.Milliseconds()}]++
		}
	}
	answer := make(map[Key]int64, len(counts))
	for p, views := range counts {
		ad := w.ads[p.ad*AdsPerCampaign]
		answer[Key{string(ad[len(ad)-campaignBytes:]), p.window}] = views
	}
	return answer
}
