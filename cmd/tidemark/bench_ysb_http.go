package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"tidemark/base/problem"
	"tidemark/examples/ysb"
)

const (
	ysbPoll     = 50 * time.Millisecond
	ysbFinalMax = 5 * time.Minute // from the last post to the last final window
)

// http posts the events to a server and asks it for the answer.
func (b *ysbBench) http(ctx context.Context) (*consumption, map[ysb.Key]int64, error) {
	s, remove, err := temporaryServer(ctx, b.console, b.parallelism)
	if err != nil {
		return nil, nil, err
	}
	defer remove()
	defer s.close()
	definitions := fmt.Sprintf("%s WITH ('partitions' = '%d', 'stored' = 'false');\nCREATE MATERIALIZED TABLE ysb_views FRESHNESS = INTERVAL '1' SECOND AS\n%s", ysb.Table, b.parallelism, ysb.Query)
	if _, err := s.pipeline.Execute(ctx, definitions); err != nil {
		return nil, nil, err
	}
	client, err := b.client(ctx, s.url())
	if err != nil {
		return nil, nil, err
	}
	used := startMeasuring()
	if said, err := client.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("post events: %w: %s", err, bytes.TrimSpace(said))
	}
	if err := b.waitFinal(ctx, s.url()); err != nil {
		return nil, nil, err
	}
	used.stop(0)
	answer, err := b.answer(ctx, s.url())
	return used, answer, err
}

// client is the process that posts the events: this program under its own name,
// which matters where it is part of another one, such as a test.
func (b *ysbBench) client(ctx context.Context, url string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	client := exec.CommandContext(ctx, program)
	client.Args = []string{"tidemark", "bench", "post", "--to", url, "--events", fmt.Sprint(b.events), "--parallelism", fmt.Sprint(b.parallelism)}
	return client, nil
}

// post posts the events of ysb, a partition's one after the other.
func (o *benchOptions) post(ctx context.Context) error {
	if o.to == "" || o.events == 0 {
		return usagef("--to and --events are needed to post")
	}
	b := &ysbBench{workload: ysb.New(ysbSeed), events: o.events, parallelism: o.parallelism}
	return b.everyPartition(func(partition int) error {
		url := fmt.Sprintf("%s/api/v1/events/ad_events?partition=%d", o.to, partition)
		var text []byte
		next := b.share(partition, ysbBodyEvents)
		for from, to, ok := next(); ok; from, to, ok = next() {
			text = b.workload.AppendEvents(text[:0], from, to)
			if err := sendTo(ctx, url, text); err != nil {
				return err
			}
		}
		return sendTo(ctx, url, b.workload.AppendClosing(text[:0], b.events))
	})
}

// end is where the last window ends.
func (b *ysbBench) end() time.Time {
	return ysb.At(b.events - 1).Truncate(ysb.Window).Add(ysb.Window)
}

// waitFinal asks how far the views have got until all windows are final.
func (b *ysbBench) waitFinal(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, ysbFinalMax)
	defer cancel()
	ticker := time.NewTicker(ysbPoll)
	defer ticker.Stop()
	for {
		status, text, err := get(ctx, url+"/api/v1/progress/ysb_views")
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return problem.New(problem.Internal, "the server answered %d: %s", status, text)
		}
		var views struct {
			FinalUntil *time.Time `json:"final_until"`
		}
		if err := json.Unmarshal(text, &views); err != nil {
			return fmt.Errorf("read progress: %w", err)
		}
		if views.FinalUntil != nil && !views.FinalUntil.Before(b.end()) {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the windows to be final: %w", ctx.Err())
		}
	}
}

// answer asks for the views, window by window.
func (b *ysbBench) answer(ctx context.Context, url string) (map[ysb.Key]int64, error) {
	answer := map[ysb.Key]int64{}
	for window := ysb.Start; window.Before(b.end()); window = window.Add(ysb.Window) {
		a, err := ask(ctx, url, fmt.Sprintf("SELECT campaign, seen FROM ysb_views WHERE window_start = TIMESTAMP '%s'", window.Format(time.DateTime)))
		if err != nil {
			return nil, err
		}
		for _, row := range a.Rows {
			var n int64
			if _, err := fmt.Sscan(fmt.Sprint(row[1]), &n); err != nil {
				return nil, fmt.Errorf("read answer %v: %w", row, err)
			}
			answer[ysb.Key{Campaign: fmt.Sprint(row[0]), Window: window.UnixMilli()}] += n
		}
	}
	return answer, nil
}
