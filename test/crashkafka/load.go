package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions   = 2
	keys         = 7
	windowMillis = 1000
	stepMillis   = 5 // of event time between two events
	clicksMax    = 3 // of one event
	stepEvents   = 200
)

// Topics.
const (
	eventTopic  = "events"
	clickTopic  = "clicks"
	windowTopic = "per_window"
	joinTopic   = "joined"
)

func definitions(address string) string {
	table := func(name, columns, options string) string {
		return fmt.Sprintf("CREATE TABLE %s (%s) WITH ('connector'='kafka', 'topic'='%s', 'properties.bootstrap.servers'='%s', %s);\n", name, columns, name, address, options)
	}
	const reads = "'format'='json', 'json.timestamp-format.standard'='ISO-8601', 'scan.startup.mode'='earliest-offset'"
	const writes = "'value.format'='json', 'key.format'='raw', 'sink.delivery-guarantee'='exactly-once', 'sink.transactional-id-prefix'='drill', "
	return table(eventTopic, "id BIGINT, k STRING, n BIGINT, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND", reads) +
		table(clickTopic, "event BIGINT, seq BIGINT, ts TIMESTAMP_LTZ(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND", reads) +
		table(windowTopic, "k STRING, millis BIGINT, events BIGINT, total BIGINT", writes+"'key.fields'='k'") +
		table(joinTopic, "k STRING, event BIGINT, seq BIGINT", writes+"'key.fields'='k'") + `
INSERT INTO per_window SELECT k, 1000 * UNIX_TIMESTAMP(CAST(window_start AS STRING)), COUNT(*), SUM(n)
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY k, window_start, window_end;

INSERT INTO joined SELECT e.k, e.id, c.seq FROM events AS e JOIN clicks AS c
ON e.id = c.event AND c.ts BETWEEN e.ts AND e.ts + INTERVAL '1' MINUTE;
`
}

// window is a key with the start of a window, ms.
type window struct {
	key   string
	start int64
}

// sums is what a window holds.
type sums struct{ events, total int64 }

// pair is an event with one of its clicks.
type pair struct{ event, seq int64 }

// load produces events, and knows what must come of them.
type load struct {
	client  *kgo.Client
	events  int64
	now     int64 // event time of the last event, ms
	windows map[window]sums
	pairs   map[pair]string // and its key
}

var firstMoment = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

func newLoad(ctx context.Context, address string) (*load, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	for _, topic := range []string{eventTopic, clickTopic, windowTopic, joinTopic} {
		if _, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, topic); err != nil {
			return nil, fmt.Errorf("create topic %s: %w", topic, err)
		}
	}
	return &load{client: client, now: firstMoment, windows: map[window]sums{}, pairs: map[pair]string{}}, nil
}

func moment(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z")
}

// step produces some events with their clicks, and waits until the broker has
// them, however long that takes.
func (l *load) step(ctx context.Context, random func(int) int) error {
	var records []*kgo.Record
	for range stepEvents {
		l.events++
		l.now += stepMillis
		id, n, key := l.events, int64(random(1000)), fmt.Sprintf("key %d", random(keys))
		partition := int32(random(partitions))
		records = append(records, &kgo.Record{Topic: eventTopic, Partition: partition, Value: fmt.Appendf(nil, `{"id":%d,"k":"%s","n":%d,"ts":"%s"}`, id, key, n, moment(l.now))})
		w := window{key, l.now - l.now%windowMillis}
		s := l.windows[w]
		l.windows[w] = sums{s.events + 1, s.total + n}
		for seq := range int64(random(clicksMax + 1)) {
			records = append(records, &kgo.Record{Topic: clickTopic, Partition: partition, Value: fmt.Appendf(nil, `{"event":%d,"seq":%d,"ts":"%s"}`, id, seq, moment(l.now))})
			l.pairs[pair{id, seq}] = key
		}
	}
	return l.client.ProduceSync(ctx, records...).FirstErr()
}

// finish drives the event time of all partitions past everything.
func (l *load) finish(ctx context.Context) error {
	l.now += 10 * windowMillis
	var records []*kgo.Record
	for p := range int32(partitions) {
		records = append(records,
			&kgo.Record{Topic: eventTopic, Partition: p, Value: fmt.Appendf(nil, `{"id":-1,"k":"end","n":0,"ts":"%s"}`, moment(l.now))},
			&kgo.Record{Topic: clickTopic, Partition: p, Value: fmt.Appendf(nil, `{"event":-2,"seq":0,"ts":"%s"}`, moment(l.now))})
	}
	return l.client.ProduceSync(ctx, records...).FirstErr()
}
