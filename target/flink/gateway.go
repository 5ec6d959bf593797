package flink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"tidemark/base/batch"
	"tidemark/base/problem"
)

// gateway speaks the REST API of a SQL gateway, version 3.
type gateway struct {
	address string // as the user gave it
	client  http.Client
}

func newGateway(address string) (*gateway, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, problem.New(problem.InvalidRequest, "%q is no address of a SQL gateway", address).WithHint("such as http://127.0.0.1:8083")
	}
	return &gateway{address: strings.TrimSuffix(address, "/"), client: http.Client{Timeout: requestMax, Transport: http.DefaultTransport.(*http.Transport).Clone()}}, nil
}

// serverFault is an error that the gateway reports: texts, the last of which
// may hold a whole chain of Java exceptions.
type serverFault struct{ texts []string }

func (f *serverFault) Error() string { return strings.Join(f.texts, "\n") }

func (g *gateway) post(ctx context.Context, path string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return err
	}
	return g.call(ctx, http.MethodPost, path, body, answer)
}

func (g *gateway) get(ctx context.Context, path string, answer any) error {
	return g.call(ctx, http.MethodGet, path, nil, answer)
}

func (g *gateway) delete(ctx context.Context, path string) error {
	return g.call(ctx, http.MethodDelete, path, nil, nil)
}

// call makes a request and reads its answer as JSON, if answer is not nil.
func (g *gateway) call(ctx context.Context, method, path string, body []byte, answer any) error {
	request, err := http.NewRequestWithContext(ctx, method, g.address+"/v3"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := g.client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return problem.New(problem.NotFound, "no SQL gateway answers at %s: %v", g.address, root(err)).
			WithHint("start Flink's SQL gateway, or give its address with --gateway").Retryable()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerMax+1))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("read answer of the SQL gateway: %w", err)
	case len(text) > answerMax:
		return problem.New(problem.TooLarge, "an answer of the SQL gateway has more than %d bytes", answerMax)
	case response.StatusCode >= http.StatusBadRequest:
		return faultOf(response.Status, text)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read answer of the SQL gateway: %w", err)
	}
	return nil
}

// root is the innermost error: what the network said, without the address.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func faultOf(status string, text []byte) error {
	var said struct {
		Errors []string `json:"errors"`
	}
	if err := json.Unmarshal(text, &said); err != nil || len(said.Errors) == 0 {
		return &serverFault{texts: []string{status}}
	}
	return &serverFault{texts: said.Errors}
}

// page is one part of a statement's answer.
type page struct {
	columns []column // nil while the answer has not begun
	rows    []row
	next    string // token of the next page; "" when this one must be asked for again
	last    bool
}

// column is a column of an answer.
type column struct {
	Name string      `json:"name"`
	Type logicalType `json:"logicalType"`
}

// row is a change with its cells as texts; nil is NULL.
type row struct {
	kind  batch.Kind
	cells []*string
}

// answerPage is a page as the gateway writes it. The cells are JSON values or
// texts, by the format asked for.
type answerPage struct {
	Type    string `json:"resultType"` // NOT_READY, PAYLOAD or EOS
	Results *struct {
		Columns []column `json:"columns"`
		Data    []struct {
			Kind   string            `json:"kind"`
			Fields []json.RawMessage `json:"fields"`
		} `json:"data"`
	} `json:"results"`
	Next string `json:"nextResultUri"`
}

// The forms of cells. JSON tells NULL from the text 'NULL'; the plain text is
// what users see.
const (
	jsonCells = "?rowFormat=JSON"
	textCells = "?rowFormat=PLAIN_TEXT"
)

// page fetches a page, its rows only when they are wanted. Rows are fetched in
// both forms; a page may be fetched again until the next one is.
func (g *gateway) page(ctx context.Context, operation, token string, wanted bool) (*page, error) {
	place := operation + "/result/" + token
	var asJSON, asText answerPage
	err := g.get(ctx, place+jsonCells, &asJSON)
	unwritable := isUnwritable(err)
	if unwritable {
		asJSON = answerPage{}
		err = g.get(ctx, place+textCells, &asJSON)
	}
	if err != nil {
		return nil, err
	}
	p := &page{last: asJSON.Type == "EOS" || asJSON.Type != "NOT_READY" && asJSON.Next == ""}
	if asJSON.Next != "" && asJSON.Type != "NOT_READY" {
		next, err := url.Parse(asJSON.Next)
		if err != nil {
			return nil, fmt.Errorf("read address of the next page: %w", err)
		}
		p.next = path.Base(next.Path)
	}
	if asJSON.Results == nil {
		return p, nil
	}
	p.columns = asJSON.Results.Columns
	if len(asJSON.Results.Data) == 0 || !wanted {
		return p, nil
	}
	asText = asJSON
	if !unwritable {
		asText = answerPage{}
		if err := g.get(ctx, place+textCells, &asText); err != nil {
			return nil, err
		}
	}
	if asText.Results == nil || len(asText.Results.Data) != len(asJSON.Results.Data) {
		return nil, errors.New("the SQL gateway gave two different pages for one token")
	}
	for i, change := range asText.Results.Data {
		kind, known := changeKinds[change.Kind]
		if !known || len(change.Fields) != len(p.columns) {
			return nil, fmt.Errorf("read row %d of a page: kind %q and %d cells for %d columns", i, change.Kind, len(change.Fields), len(p.columns))
		}
		r := row{kind: kind, cells: make([]*string, len(change.Fields))}
		for j, field := range change.Fields {
			if err := json.Unmarshal(field, &r.cells[j]); err != nil {
				return nil, fmt.Errorf("read cell: %w", err)
			}
			null := unwritable && r.cells[j] != nil && *r.cells[j] == "NULL"
			if null || !unwritable && string(asJSON.Results.Data[i].Fields[j]) == "null" {
				r.cells[j] = nil
			}
		}
		p.rows = append(p.rows, r)
	}
	return p, nil
}

// isUnwritable reports the gateway's fault with some TIME values, which it
// cannot write as JSON.
func isUnwritable(err error) bool {
	var fault *serverFault
	return errors.As(err, &fault) && strings.Contains(fault.Error(), "map response to JSON")
}
