package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"tidemark/base/problem"
)

// Problem is the body of every error: an RFC 9457 problem document.
type Problem struct {
	Type     string        `json:"type" doc:"urn:tidemark:problem: and the code"`
	Title    string        `json:"title" doc:"The code in words"`
	Status   int           `json:"status" doc:"The HTTP status"`
	Detail   string        `json:"detail" doc:"What is wrong, in one sentence"`
	Code     problem.Code  `json:"code" doc:"Which problem it is; programs may compare it"`
	Hint     string        `json:"hint,omitempty" doc:"What to do about it"`
	Position *Position     `json:"position,omitempty" doc:"Where in the sent SQL text"`
	Field    string        `json:"field,omitempty" doc:"The column, option or parameter concerned"`
	Trace    string        `json:"trace_id,omitempty" doc:"Of faults of the server: what its log line is found by"`
	Errors   []ProblemItem `json:"errors,omitempty" doc:"All problems, when there are several"`
}

// ProblemItem is one of several problems.
type ProblemItem struct {
	Code     problem.Code `json:"code"`
	Detail   string       `json:"detail"`
	Hint     string       `json:"hint,omitempty"`
	Position *Position    `json:"position,omitempty"`
	Field    string       `json:"field,omitempty"`
}

// Position is a place in a text.
type Position struct {
	File   string `json:"file,omitempty" doc:"Of definitions in files"`
	Line   int    `json:"line" doc:"From 1"`
	Column int    `json:"column" doc:"In characters, from 1"`
}

// refusal is a problem whose status is not that of its code.
type refusal struct {
	status int
	cause  *problem.Problem
}

func (r *refusal) Error() string { return r.cause.Error() }
func (r *refusal) Unwrap() error { return r.cause }

// statusOf is the HTTP status of a code.
func statusOf(code problem.Code) int {
	switch code {
	case problem.Syntax, problem.UnknownColumn, problem.UnknownFunction, problem.UnknownOption, problem.InvalidOption, problem.Ambiguous,
		problem.TypeMismatch, problem.InvalidValue, problem.InvalidQuery, problem.InvalidRequest:
		return http.StatusBadRequest
	case problem.UnknownTable, problem.NotFound:
		return http.StatusNotFound
	case problem.Unsupported:
		return http.StatusUnprocessableEntity
	case problem.AlreadyExists, problem.Conflict, problem.Canceled:
		return http.StatusConflict
	case problem.TooLarge:
		return http.StatusRequestEntityTooLarge
	case problem.TooBusy:
		return http.StatusTooManyRequests
	case problem.Timeout:
		return http.StatusGatewayTimeout
	case problem.DiskFull:
		return http.StatusInsufficientStorage
	case problem.Corrupt, problem.Internal:
	}
	return http.StatusInternalServerError
}

// fail answers with err as a problem document.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	doc := s.document(r.Context(), err, r.Pattern)
	header := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", queryIDHeader, finalUntilHeader} {
		header.Del(name)
	}
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	if doc.Status == http.StatusTooManyRequests {
		header.Set("Retry-After", strconv.Itoa(max(retryAfterSeconds, int(math.Ceil(problem.Of(err).After.Seconds())))))
	}
	w.WriteHeader(doc.Status)
	if r.Method != http.MethodHead {
		_ = json.MarshalWrite(w, doc) // a client that does not read on has left
	}
}

// ProblemOf is a problem as the API shows it.
func ProblemOf(p *problem.Problem) *Problem {
	return &Problem{
		Type:     "urn:tidemark:problem:" + string(p.Code),
		Title:    title(p.Code),
		Status:   statusOf(p.Code),
		Detail:   p.Message,
		Code:     p.Code,
		Hint:     p.Hint,
		Position: positionOf(p),
		Field:    p.Field,
	}
}

// document makes the problem document of err. Faults of ours are logged here
// and nowhere else.
func (s *Server) document(ctx context.Context, err error, route string) Problem {
	all := problem.All(err)
	p := all[0]
	doc := *ProblemOf(p)
	var refused *refusal
	if errors.As(err, &refused) {
		doc.Status = refused.status
	}
	if !p.Code.User() {
		doc.Trace = rand.Text()
		s.config.Logger.LogAttrs(ctx, slog.LevelError, "a request failed",
			slog.String("trace_id", doc.Trace), slog.String("route", route), slog.String("code", string(p.Code)), slog.Any("error", err))
	}
	if p.Code == problem.Internal {
		doc.Detail, doc.Hint = "the server made a mistake", "look for the trace id in the server's log"
	}
	if len(all) > 1 {
		for _, p := range all[:min(len(all), errorsShown)] {
			doc.Errors = append(doc.Errors, ProblemItem{Code: p.Code, Detail: p.Message, Hint: p.Hint, Position: positionOf(p), Field: p.Field})
		}
	}
	return doc
}

// title is a code as a person writes it.
func title(code problem.Code) string {
	words := strings.ReplaceAll(string(code), "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

func positionOf(p *problem.Problem) *Position {
	if p.Position.IsZero() {
		return nil
	}
	return &Position{File: p.Position.File, Line: p.Position.Line, Column: p.Position.Column}
}
