package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"tidemark/base/problem"
	"tidemark/base/telemetry"
)

// metrics are what the door tells operators.
type metrics struct {
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	events    *prometheus.CounterVec
	streams   prometheus.Gauge
	throttled *prometheus.CounterVec
}

func newMetrics(r *telemetry.Registry) metrics {
	return metrics{
		requests:  r.Counter("tidemark_httpapi_requests_total", "Requests answered.", "route", "status"),
		seconds:   r.Histogram("tidemark_httpapi_request_seconds", "Time to answer, live streams left out.", telemetry.Latencies(), "route", "status"),
		events:    r.Counter("tidemark_httpapi_events_total", "Events received, by what became of them.", "table", "outcome"),
		throttled: r.Counter("tidemark_httpapi_throttled_total", "Bodies of events that were refused because more came than may.", "table"),
		streams:   r.Gauge("tidemark_httpapi_live_streams", "Open live streams.").WithLabelValues(),
	}
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int // 0 until the header is written
}

// WriteHeader passes the status on.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write passes bytes on.
func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serve wraps a route's handler: it guards, turns errors and panics into
// problems, counts and logs.
func (s *Server) serve(rt route) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		w := &recorder{ResponseWriter: out}
		defer func() {
			aborted := s.recovered(w, r, recover())
			status := strconv.Itoa(w.status)
			if aborted {
				status = "aborted"
			}
			took := time.Since(begin)
			s.metrics.requests.WithLabelValues(rt.path, status).Inc()
			if !rt.endless {
				s.metrics.seconds.WithLabelValues(rt.path, status).Observe(took.Seconds())
			}
			s.config.Logger.LogAttrs(r.Context(), slog.LevelDebug, "request",
				slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.String("status", status), slog.Duration("took", took))
			if aborted {
				panic(http.ErrAbortHandler)
			}
		}()
		err := s.guard(r)
		if err == nil {
			err = rt.handle(w, r)
		}
		switch {
		case err == nil:
			if w.status == 0 {
				w.status = http.StatusOK
			}
		case gone(r, err):
			panic(http.ErrAbortHandler)
		case w.status != 0:
			// Part of the answer has left; only a broken connection says that it is not whole.
			s.document(r.Context(), err, r.Pattern)
			panic(http.ErrAbortHandler)
		default:
			s.fail(w, r, err)
		}
	})
}

// recovered answers a panic with an internal problem. It reports whether the
// connection must be broken instead.
func (s *Server) recovered(w *recorder, r *http.Request, panicked any) (aborted bool) {
	switch {
	case panicked == nil:
		return false
	case panicked == http.ErrAbortHandler: //nolint:errorlint // net/http panics with this very value
		return true
	}
	err := fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
	if w.status != 0 {
		s.document(r.Context(), err, r.Pattern)
		return true
	}
	s.fail(w, r, err)
	return false
}

// guard refuses requests that a page of another site sent: by what the browser
// says about their origin and, on loopback, by the name that they ask for. A
// site that makes its own name lead to 127.0.0.1 is same-origin to the browser,
// but cannot change the Host that the browser sends.
func (s *Server) guard(r *http.Request) error {
	if s.config.Loopback && !isLoopbackName(r.Host) {
		return &refusal{http.StatusForbidden, problem.New(problem.InvalidRequest, "this server does not answer for the name %q", r.Host).
			WithHint("use localhost, or listen on an address that others may reach")}
	}
	if s.origins.Check(r) != nil {
		return &refusal{http.StatusForbidden, problem.New(problem.InvalidRequest, "a page of another site may not change anything here").
			WithHint("send the request from a program, or from a page of this server")}
	}
	return nil
}

// isLoopbackName reports whether a Host header names this machine: localhost, a
// name under it, or a loopback address, with or without a port.
func isLoopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// noRoute answers for paths below /api that are not there, or not with this method.
func (s *Server) noRoute(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := s.mux.Handler(&other); pattern != "/api/" {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		return problem.New(problem.NotFound, "there is nothing at %s", r.URL.Path).WithHint("GET /openapi.json lists what there is")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &refusal{http.StatusMethodNotAllowed, problem.New(problem.InvalidRequest, "%s does not take %s", r.URL.Path, r.Method).WithHint("use %s", strings.Join(allowed, " or "))}
}

// readJSON reads a request's body into v. Unknown members are problems: a
// misspelled option must not pass in silence.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, requestBytesMax))
	if err != nil {
		return bodyProblem(err, requestBytesMax)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return problem.New(problem.InvalidRequest, "the request has no body").WithHint("send a JSON object")
	}
	err = json.Unmarshal(text, v, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	var known *problem.Problem
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &syntactic):
		return problem.New(problem.InvalidRequest, "the body is not JSON: %s at byte %d", cause(syntactic.Err), syntactic.ByteOffset)
	case errors.As(err, &semantic):
		field := strings.TrimPrefix(string(semantic.JSONPointer), "/")
		if errors.Is(err, json.ErrUnknownName) {
			return problem.New(problem.InvalidRequest, "the request has no member %q", field).About(field).WithHint("GET /openapi.json describes the request")
		}
		if field == "" {
			return problem.New(problem.InvalidRequest, "the body is not a JSON object of the expected form").WithHint("GET /openapi.json describes the request")
		}
		return problem.New(problem.InvalidRequest, "%s is not of the expected type: a JSON %s", field, semantic.JSONKind).About(field).WithHint("GET /openapi.json describes the request")
	}
	return problem.New(problem.InvalidRequest, "the body cannot be read: %v", err)
}

func cause(err error) string {
	if err == nil {
		return "unexpected text"
	}
	return err.Error()
}

// bodyProblem tells why a body could not be read.
func bodyProblem(err error, limit int) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return problem.New(problem.TooLarge, "the body has more than %d bytes", limit)
	}
	return problem.New(problem.InvalidRequest, "the body ends too early: %v", err)
}

// writeJSON answers with v. What is on the way to a page may be different the
// next time, so nothing keeps it.
func writeJSON(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that does not read on has left
	return nil
}
