package operator

import (
	"math"
	"strconv"
	"strings"
	"time"

	"tidemark/base/problem"
	"tidemark/plan/bind"
)

// lookupWaitingMax is how many rows of a worker may wait for a lookup where the
// hint names no capacity. When more come, the worker waits for the first ones.
const lookupWaitingMax = 100_000

// lookupRetry is what the LOOKUP hint says about rows that find nothing. Of its
// other options 'async' and 'shuffle' ask for what is so anyway: lookups are made
// a batch at a time, in memory that all workers share.
type lookupRetry struct {
	attempts    int // after the first one; 0 for none
	first, most time.Duration
	multiplier  float64
	within      time.Duration // rows wait no longer; 0 for no limit
	ordered     bool
	capacity    int
	timeout     time.Duration // of one lookup of a batch; 0 for no limit
}

// retryOf reads the options of a hint, which the binder has checked one by one.
func retryOf(options map[string]string) (r lookupRetry, err error) {
	r = lookupRetry{multiplier: 1, most: math.MaxInt64, capacity: lookupWaitingMax, ordered: !strings.EqualFold(options["output-mode"], "allow_unordered")}
	if text, given := options["capacity"]; given {
		if r.capacity, err = strconv.Atoi(text); err != nil {
			return r, problem.New(problem.InvalidOption, "'capacity' of LOOKUP is %q", text)
		}
	}
	r.timeout, _ = bind.Duration(options["timeout"])
	switch strings.ToLower(options["retry-strategy"]) {
	case "":
		return r, nil
	case "fixed_delay":
		r.first, _ = bind.Duration(options["fixed-delay"])
	case "exponential_delay":
		r.first, _ = bind.Duration(options["initial-delay"])
		r.multiplier = multiplierDefault
		if text, given := options["multiplier"]; given {
			if r.multiplier, err = strconv.ParseFloat(text, 64); err != nil {
				return r, problem.New(problem.InvalidOption, "'multiplier' of LOOKUP is %q", text)
			}
		}
		if text, given := options["max-delay"]; given {
			r.most, _ = bind.Duration(text)
		}
	}
	if text, given := options["expire-after"]; given {
		r.within, _ = bind.Duration(text)
	}
	if r.attempts, err = strconv.Atoi(options["max-attempts"]); err != nil || r.first <= 0 {
		return r, problem.New(problem.InvalidOption, "the retries of LOOKUP have no number or no delay").WithHint("add 'max-attempts' and a delay")
	}
	if r.timeout > 0 && r.total() > r.timeout {
		return r, unsupported("the retries of LOOKUP take %v, longer than its 'timeout' of %v", r.total(), r.timeout).
			WithHint("allow more time, or write 'expire-after' to give up in time")
	}
	return r, nil
}

// multiplierDefault doubles delays where the hint does not say more.
const multiplierDefault = 2

// delay is how long to wait before the retry with the number, from 1.
func (r *lookupRetry) delay(retry int) time.Duration {
	d := float64(r.first) * math.Pow(r.multiplier, float64(retry-1))
	if d >= float64(r.most) {
		return r.most
	}
	return time.Duration(d)
}

// total is how long a row may wait.
func (r *lookupRetry) total() time.Duration {
	total := 0.0
	for retry := 1; retry <= r.attempts && total < float64(math.MaxInt64); retry++ {
		total += float64(r.delay(retry))
		if r.within > 0 && total >= float64(r.within) {
			return r.within
		}
	}
	if total >= float64(math.MaxInt64) {
		return math.MaxInt64
	}
	return time.Duration(total)
}
