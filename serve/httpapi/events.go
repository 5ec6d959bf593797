package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"tidemark/base/problem"
	"tidemark/catalog"
	"tidemark/connect/native"
	"tidemark/plan"
)

// fullRetrySeconds is when it is worth to send events again after the disk was full.
const fullRetrySeconds = 10

// EventsReceipt is the answer to a body of events.
type EventsReceipt struct {
	native.Receipt
	Applied *bool `json:"applied,omitempty" doc:"With wait=applied: whether questions see the events. False means that waiting took too long; the events are stored all the same"`
}

// takeEvents stores a body of events.
func (s *Server) takeEvents(w http.ResponseWriter, r *http.Request) error {
	table := r.PathValue("table")
	intake, err := s.intake(table)
	if err != nil {
		return err
	}
	options, err := readEventOptions(r)
	if err != nil {
		return err
	}
	// Before the body is read: what is refused costs next to nothing.
	if wait, behind := intake.Wait(); wait > 0 {
		s.metrics.throttled.WithLabelValues(table).Inc()
		return tooFast(table, wait, behind)
	}
	text, release, err := s.bodies.read(w, r)
	if err != nil {
		return err
	}
	receipt, err := intake.Accept(r.Context(), native.Body{Text: text, Key: options.key, Partition: options.partition})
	release() // the intake keeps nothing of it
	if problem.Is(err, problem.DiskFull) {
		w.Header().Set("Retry-After", strconv.Itoa(fullRetrySeconds))
	}
	if err != nil {
		return err
	}
	s.count(table, receipt)
	answer := EventsReceipt{Receipt: receipt}
	if options.applied > 0 {
		visible, err := s.waitApplied(r.Context(), table, receipt, options.applied)
		if err != nil {
			return err
		}
		answer.Applied = &visible
	}
	return writeJSON(w, http.StatusOK, answer)
}

// tooFast is the problem of a sender that has to wait.
func tooFast(table string, wait time.Duration, behind bool) error {
	if behind {
		return problem.New(problem.TooBusy, "the jobs that read %s are too far behind", table).WithHint("send again after Retry-After; the table's option 'backlog' says how far they may be").RetryAfter(wait)
	}
	return problem.New(problem.TooBusy, "more comes for %s than its quota allows", table).WithHint("send again after Retry-After; the table's options 'quota.events' and 'quota.bytes', or its tenant's quota, say how much may come in a second").RetryAfter(wait)
}

// intake finds the intake of a table.
func (s *Server) intake(table string) (*native.Intake, error) {
	if intake, ok := s.config.Intake(table); ok {
		return intake, nil
	}
	if t, exists := s.config.Catalog.Table(table); exists {
		return nil, problem.New(problem.InvalidRequest, "%s is a %s that takes no events", table, catalog.Noun(t.Kind)).WithHint("events go to tables that were created without WITH ('connector' = …)")
	}
	var names []string
	for _, t := range s.config.Catalog.Tables() {
		if t.Kind == plan.Native {
			names = append(names, t.Name)
		}
	}
	p := catalog.Unknown(table, names)
	if p.Hint == "" {
		p.WithHint("create it first: CREATE TABLE %s (…)", plan.Quote(table))
	}
	return nil, p
}

// eventOptions are what a request says beside its body.
type eventOptions struct {
	key       string
	partition int           // negative for any
	applied   time.Duration // how long to wait until questions see the events; 0 for not at all
}

func readEventOptions(r *http.Request) (eventOptions, error) {
	o := eventOptions{key: r.Header.Get("Idempotency-Key"), partition: -1}
	if len(o.key) > keyBytesMax {
		return o, problem.New(problem.InvalidRequest, "the idempotency key has %d bytes, more than %d", len(o.key), keyBytesMax).About("Idempotency-Key")
	}
	query := r.URL.Query()
	for name := range query {
		if name != "partition" && name != "wait" && name != "timeout_ms" {
			return o, problem.New(problem.InvalidRequest, "there is no parameter %q", name).About(name).WithHint("parameters: partition, wait, timeout_ms")
		}
	}
	if text := query.Get("partition"); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return o, problem.New(problem.InvalidRequest, "partition %q is not a number from 0", text).About("partition")
		}
		o.partition = int(n)
	}
	switch wait := query.Get("wait"); wait {
	case "":
		if query.Has("timeout_ms") {
			return o, problem.New(problem.InvalidRequest, "timeout_ms is the time to wait, and nothing is waited for").About("timeout_ms").WithHint("add wait=applied")
		}
	case "applied":
		o.applied = appliedDefault
	default:
		return o, problem.New(problem.InvalidRequest, "wait cannot be %q", wait).About("wait").WithHint("allowed: applied")
	}
	if text := query.Get("timeout_ms"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 || n > appliedMax.Milliseconds() {
			return o, problem.New(problem.InvalidRequest, "timeout_ms is a number from 1 to %d", appliedMax.Milliseconds()).About("timeout_ms")
		}
		o.applied = time.Duration(n) * time.Millisecond
	}
	return o, nil
}

// waitApplied waits until questions see the events of a receipt, and reports
// whether they do: the events are stored either way, so a time-out is no error
// that would make the client send them again.
func (s *Server) waitApplied(ctx context.Context, table string, receipt native.Receipt, timeout time.Duration) (bool, error) {
	if receipt.Next == 0 {
		return true, nil // nothing was accepted
	}
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := s.config.Board.WaitApplied(waiting, table, string(native.SplitOf(receipt.Partition)), int64(receipt.Next))
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return false, nil
	}
	return false, err
}

func (s *Server) count(table string, receipt native.Receipt) {
	for _, o := range []struct {
		outcome string
		events  int
	}{{"accepted", receipt.Accepted}, {"quarantined", receipt.Rejected}, {"duplicate", receipt.Duplicates}} {
		if o.events > 0 {
			s.metrics.events.WithLabelValues(table, o.outcome).Add(float64(o.events))
		}
	}
}
