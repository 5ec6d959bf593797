package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"tidemark/examples/ads"
)

// The load of freshness.
const (
	freshnessStep    = 50 * time.Millisecond // between posts
	freshnessPosters = 4                     // at the same time
	freshnessBodyMax = 1 << 20
	freshnessProbe   = 200 * time.Millisecond // between posts whose way is followed
	freshnessMemory  = time.Minute            // between looks at memory
	recordedWarmUp   = 2 * time.Second
	recordedSteps    = 40
)

// recordedTraffic is some seconds of traffic that are posted again and again, each
// time as of that moment: to draw it costs as much as to take it.
type recordedTraffic struct{ steps []recordedStep }

// recordedStep is what is posted at once.
type recordedStep struct{ impressions, clicks recordedRows }

// recordedRows are rows with the places of their times.
type recordedRows struct {
	text   []byte
	stamps []recordedStamp
	rows   int
}

// recordedStamp is where a row's time stands, and how long before its arrival that is.
type recordedStamp struct {
	at     int
	before time.Duration
}

const stampLayout = "2006-01-02T15:04:05.000Z"

// recordTraffic draws traffic at an hour when there is as much as on average.
func recordTraffic(rate float64) *recordedTraffic {
	at := time.Date(2026, 5, 1, 14, 30, 0, 0, time.UTC)
	traffic := ads.NewTraffic(1, rate, at)
	at = at.Add(recordedWarmUp)
	traffic.Until(at)
	r := &recordedTraffic{}
	for range recordedSteps {
		at = at.Add(freshnessStep)
		e := traffic.Until(at)
		r.steps = append(r.steps, recordedStep{recordRows(e.Impressions, e.ImpressionRows, at), recordRows(e.Clicks, e.ClickRows, at)})
	}
	return r
}

// recordRows finds the times of rows, which stand at their ends. Broken rows have none.
func recordRows(text []byte, rows int, arrival time.Time) recordedRows {
	r := recordedRows{text: text, rows: rows}
	end := 0
	for line := range bytes.Lines(text) {
		end += len(line)
		start := end - len("\"}\n") - len(stampLayout)
		if at, err := time.Parse(stampLayout, string(text[max(start, 0):max(end-len("\"}\n"), 0)])); err == nil {
			r.stamps = append(r.stamps, recordedStamp{start, arrival.Sub(at)})
		}
	}
	return r
}

// append appends the rows as they arrive now.
func (r *recordedRows) append(body []byte, now time.Time) []byte {
	begin := len(body)
	body = append(body, r.text...)
	var stamp []byte // not in its place at once: formatting writes behind what it appends
	for _, s := range r.stamps {
		stamp = now.Add(-s.before).UTC().AppendFormat(stamp[:0], stampLayout)
		copy(body[begin+s.at:], stamp)
	}
	return body
}

// post posts traffic when it is due, and faster when posting was held up, until
// posting ends.
func (b *freshnessBench) post(posting, ctx context.Context, recorded *recordedTraffic) error {
	var all sync.WaitGroup
	bodies := make(chan []byte, freshnessPosters) // room for them, used again
	for range freshnessPosters {
		bodies <- nil
	}
	failed := make(chan error, freshnessPosters)
	begin, probed := time.Now(), time.Time{}
	for n := 0; waitUntil(posting, begin.Add(time.Duration(n)*freshnessStep)); n++ {
		step := &recorded.steps[n%len(recorded.steps)]
		body := <-bodies
		select {
		case err := <-failed:
			all.Wait()
			return err
		default:
		}
		now, probe := time.Now(), ""
		if now.Sub(probed) >= freshnessProbe {
			probed, probe = now, fmt.Sprintf("probe %09d", n)
		}
		all.Go(func() {
			body, err := b.send(ctx, step, body, probe)
			if err != nil {
				failed <- err // has room for each of those at work
			}
			bodies <- body
		})
	}
	all.Wait()
	close(failed)
	return <-failed // nil when there is none
}

// waitUntil waits until a moment, and tells whether posting goes on.
func waitUntil(posting context.Context, due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return posting.Err() == nil
	case <-posting.Done():
		return false
	}
}

// send posts a step in bodies of a usual size, and notes when the last one, which
// has the probe, was acknowledged. It gives its room back.
func (b *freshnessBench) send(ctx context.Context, step *recordedStep, body []byte, probe string) ([]byte, error) {
	now := time.Now()
	body = step.clicks.append(body[:0], now)
	if err := b.sendParts(ctx, "ods_clicks", body); err != nil {
		return body, err
	}
	impressions := int64(step.impressions.rows)
	body = step.impressions.append(body[:0], now)
	if probe != "" {
		body = appendProbe(body, probe, now)
		impressions++
	}
	if err := b.sendParts(ctx, "ods_impressions", body); err != nil {
		return body, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.impressions += impressions
	b.mu.clicks += int64(step.clicks.rows)
	if probe != "" {
		b.mu.acknowledged[probe] = time.Now()
	}
	return body, nil
}

func (b *freshnessBench) sendParts(ctx context.Context, table string, body []byte) error {
	for len(body) > 0 {
		part := body
		if len(body) > freshnessBodyMax {
			part = body[:bytes.LastIndexByte(body[:freshnessBodyMax], '\n')+1]
		}
		body = body[len(part):]
		begin := time.Now()
		if err := sendTo(ctx, b.url+"/api/v1/events/"+table, part); err != nil {
			return err
		}
		b.mu.Lock()
		b.mu.posts = append(b.mu.posts, time.Since(begin))
		b.mu.Unlock()
	}
	return nil
}

// appendProbe appends an impression of a campaign that no other has.
func appendProbe(body []byte, campaign string, at time.Time) []byte {
	return fmt.Appendf(body, `{"request_id":%q,"campaign_id":1,"campaign":%q,"device":"phone","device_id":"probe","cost":"0","error":null,"ts":%q}`+"\n",
		campaign, campaign, at.UTC().Format(stampLayout))
}

// upsertTable has a row for each minute and device, which is replaced as the
// device sends more.
const upsertTable = `CREATE TABLE device_minutes (
	window_start TIMESTAMP_LTZ(3) NOT NULL, device STRING NOT NULL, revision BIGINT NOT NULL, seen BIGINT, spend DECIMAL(10, 4),
	PRIMARY KEY (window_start, device) NOT ENFORCED)`

// upsertLoad numbers upserts: number n is of device n modulo the number of keys.
type upsertLoad struct {
	keys   int64
	next   int64
	begins []upsertMinute
}

// upsertMinute is the first number of a minute.
type upsertMinute struct{ minute, first int64 }

// append appends upserts until the number to.
func (u *upsertLoad) append(body []byte, to int64, now time.Time) []byte {
	minute := now.Truncate(time.Minute).UTC()
	if n := len(u.begins); u.next < to && (n == 0 || u.begins[n-1].minute != minute.Unix()) {
		u.begins = append(u.begins, upsertMinute{minute.Unix(), u.next})
	}
	stamp := minute.Format(stampLayout)
	for ; u.next < to; u.next++ {
		body = fmt.Appendf(body, `{"window_start":"%s","device":"d%07d","revision":%d,"seen":%d,"spend":%d.25}`+"\n", stamp, u.next%u.keys, u.next, u.next%1000, u.next%100)
	}
	return body
}

// expected is how many rows the table has at the end, and the sum of their revisions:
// of each device in each minute the last one counts.
func (u *upsertLoad) expected() (rows, revisions int64) {
	for i, m := range u.begins {
		end := u.next
		if i+1 < len(u.begins) {
			end = u.begins[i+1].first
		}
		first := max(m.first, end-u.keys)
		rows += end - first
		revisions += (end - first) * (first + end - 1) / 2
	}
	return rows, revisions
}

// postUpserts posts upserts one body after the other into one partition, so that
// they keep their order.
func (b *freshnessBench) postUpserts(posting, ctx context.Context) error {
	if b.load.upserts == 0 {
		return nil
	}
	var body []byte
	begin := time.Now()
	for n := 1; waitUntil(posting, begin.Add(time.Duration(n)*freshnessStep)); n++ {
		now := time.Now()
		due := int64(float64(n) * freshnessStep.Seconds() * b.load.upserts)
		body = b.upserts.append(body[:0], due, now)
		for rest := body; len(rest) > 0; {
			part := rest[:min(len(rest), freshnessBodyMax)]
			part = part[:bytes.LastIndexByte(part, '\n')+1]
			rest = rest[len(part):]
			if err := sendTo(ctx, b.url+"/api/v1/events/device_minutes?partition=0", part); err != nil {
				return err
			}
		}
	}
	return nil
}

// dashboardQuestions are what a page of the ad project asks.
var dashboardQuestions = []func(b *freshnessBench, now time.Time) string{
	always("SELECT window_start, impressions, clicks, errors, revenue FROM ads_minute ORDER BY window_start DESC LIMIT 60"),
	always("SELECT campaign, SUM(impressions) AS impressions, SUM(clicks) AS clicks, SUM(revenue) AS revenue FROM dws_campaign_minute GROUP BY campaign ORDER BY impressions DESC LIMIT 10"),
	always("SELECT SUM(impressions) AS impressions, SUM(clicks) AS clicks FROM ads_minute"),
	func(_ *freshnessBench, now time.Time) string {
		return "SELECT device, COUNT(*) AS n FROM dwd_events WHERE ts >= TIMESTAMP '" + now.Add(-10*time.Second).UTC().Format(time.DateTime) + "' GROUP BY device"
	},
}

// deviceQuestions are asked too when there are upserts.
var deviceQuestions = []func(b *freshnessBench, now time.Time) string{
	func(b *freshnessBench, now time.Time) string {
		return fmt.Sprintf("SELECT seen, spend FROM device_minutes WHERE window_start = TIMESTAMP '%s' AND device = 'd%07d'", now.UTC().Truncate(time.Minute).Format(time.DateTime), rand.Int64N(b.upserts.keys))
	},
	func(_ *freshnessBench, now time.Time) string {
		return "SELECT device, spend FROM device_minutes WHERE window_start = TIMESTAMP '" + now.UTC().Truncate(time.Minute).Format(time.DateTime) + "' ORDER BY spend DESC, device LIMIT 10"
	},
}

func always(question string) func(*freshnessBench, time.Time) string {
	return func(*freshnessBench, time.Time) string { return question }
}

// dashboards asks as pages do, each question when it is due.
func (b *freshnessBench) dashboards(posting, ctx context.Context) error {
	if b.load.questions == 0 {
		return nil
	}
	questions := dashboardQuestions
	if b.load.upserts > 0 {
		questions = append(questions[:len(questions):len(questions)], deviceQuestions...)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	begin := time.Now()
	for n := 1; waitUntil(posting, begin.Add(time.Duration(n)*time.Second/time.Duration(b.load.questions))); n++ {
		all.Go(func() {
			begin := time.Now()
			a, err := ask(ctx, b.url, questions[n%len(questions)](b, begin))
			took := time.Since(begin)
			if err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
				return
			}
			b.mu.Lock()
			b.mu.asks = append(b.mu.asks, took)
			b.mu.reused += a.reused()
			b.mu.Unlock()
		})
	}
	all.Wait()
	return failed
}

// followMemory looks at memory every minute.
func (b *freshnessBench) followMemory(posting, ctx context.Context, out io.Writer) (memory []int64, err error) {
	begin := time.Now()
	for n := 1; waitUntil(posting, begin.Add(time.Duration(n)*freshnessMemory-time.Second)); n++ {
		bytes, err := residentBytes(ctx, b.url)
		if err != nil {
			return memory, err
		}
		memory = append(memory, bytes)
		fmt.Fprintf(out, "minute %d: %d MiB\n", n, bytes/mebibyte)
	}
	return memory, nil
}
