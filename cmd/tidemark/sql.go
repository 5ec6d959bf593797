package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/sql"
	"tidemark/sql/parse"
)

func sqlCommand() *command {
	o := client{}
	var text string
	return &command{
		name:  "sql",
		short: "ask a running server",
		usage: `
Usage: tidemark sql [--url URL] [-e SQL] [--json]

Sends questions and definitions to a running server and prints the answers.
Without -e it reads statements, ended by ;, from standard input.

Examples:
  tidemark sql -e "SELECT * FROM ads_minute ORDER BY window_start DESC LIMIT 5"
  tidemark sql --url http://127.0.0.1:9000 < definitions.sql`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&o.url, "url", "http://127.0.0.1:8080", "where the server is")
			f.StringVar(&text, "e", "", "the statements")
			f.BoolVar(&o.json, "json", false, "print answers as JSON")
			f.StringVar(&o.finality, "finality", "latest", "latest, or final for rows that change no more")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			if text != "" {
				return o.script(ctx, c, text)
			}
			return o.interactive(ctx, c)
		},
	}
}

// client asks a server.
type client struct {
	url, finality string
	json          bool
}

// interactive reads statements and answers each; a problem does not end it.
func (o *client) interactive(ctx context.Context, c *console) error {
	lines := bufio.NewScanner(c.in)
	lines.Buffer(nil, 1<<20)
	var statement strings.Builder
	failed := false
	prompt := func() {
		if c.terminal {
			fmt.Fprint(c.err, map[bool]string{true: "tidemark> ", false: "       -> "}[statement.Len() == 0])
		}
	}
	for prompt(); lines.Scan(); prompt() {
		line := strings.TrimSpace(lines.Text())
		if statement.Len() == 0 && (line == "" || line == "exit" || line == "quit") {
			if line != "" {
				break
			}
			continue
		}
		statement.WriteString(lines.Text() + "\n")
		if !strings.HasSuffix(line, ";") {
			continue
		}
		if err := o.script(ctx, c, statement.String()); err != nil {
			report(c, "sql", err)
			failed = true
		}
		statement.Reset()
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if strings.TrimSpace(statement.String()) != "" {
		return o.script(ctx, c, statement.String())
	}
	if failed && !c.terminal {
		return errReported{exitUser}
	}
	return nil
}

// script sends each statement to where it belongs.
func (o *client) script(ctx context.Context, c *console, text string) error {
	statements, wrong := parse.Script("", text)
	if err := wrong.Err(); err != nil {
		return err
	}
	for _, s := range statements {
		one := sql.Text(text, s)
		var err error
		switch s.(type) {
		case *sql.QueryStatement, *sql.Explain, *sql.Show, *sql.Describe:
			err = o.ask(ctx, c, one)
		default:
			err = o.define(ctx, c, one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reply is what the server answers to a question.
type reply struct {
	Columns    []struct{ Name, Type string } `json:"columns"`
	Rows       [][]any                       `json:"rows"`
	FinalUntil *string                       `json:"final_until"`
	Stats      struct {
		Rows      int     `json:"rows"`
		Truncated bool    `json:"truncated"`
		Ran       float64 `json:"ran_ms"`
	} `json:"stats"`
}

func (o *client) ask(ctx context.Context, c *console, text string) error {
	body, err := o.post(ctx, "/api/v1/query", map[string]any{"sql": text, "finality": o.finality})
	if err != nil {
		return err
	}
	if o.json {
		_, err := c.out.Write(append(bytes.TrimSpace(body), '\n'))
		return err
	}
	var r reply
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&r); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	printReply(c.out, r)
	return nil
}

// printReply lays the rows out and says how far they are settled.
func printReply(w io.Writer, r reply) {
	table := make([][]string, 1, len(r.Rows)+1)
	for _, col := range r.Columns {
		table[0] = append(table[0], col.Name)
	}
	for _, row := range r.Rows {
		var cells []string
		for _, cell := range row {
			switch cell := cell.(type) {
			case nil:
				cells = append(cells, "NULL")
			case string:
				cells = append(cells, cell)
			default:
				text, _ := json.Marshal(cell)
				cells = append(cells, string(text))
			}
		}
		table = append(table, cells)
	}
	widths := make([]int, len(r.Columns))
	for _, row := range table {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range table {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
	until := "nothing of it is final yet"
	if r.FinalUntil != nil {
		until = "final until " + *r.FinalUntil
	}
	more := ""
	if r.Stats.Truncated {
		more = ", there are more"
	}
	fmt.Fprintf(w, "(%d rows%s, %.1f ms, %s)\n", r.Stats.Rows, more, r.Stats.Ran, until)
}

func (o *client) define(ctx context.Context, c *console, text string) error {
	body, err := o.post(ctx, "/api/v1/statements", map[string]any{"sql": text})
	if err != nil {
		return err
	}
	if o.json {
		_, err := c.out.Write(append(bytes.TrimSpace(body), '\n'))
		return err
	}
	var done struct {
		Results []struct {
			Kind, Name string
			Changed    bool
		} `json:"results"`
	}
	if err := json.Unmarshal(body, &done); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	for _, r := range done.Results {
		fmt.Fprintf(c.out, "%s %s: %s\n", r.Kind, r.Name, map[bool]string{true: "done", false: "nothing to do"}[r.Changed])
	}
	return nil
}

// answerBytesMax bounds what is read of an answer.
const answerBytesMax = 256 << 20

// post sends JSON and gives the answer's body.
func (o *client) post(ctx context.Context, path string, content any) ([]byte, error) {
	text, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	return o.call(ctx, http.MethodPost, path, bytes.NewReader(text))
}

// call sends a request and gives the answer's body.
func (o *client) call(ctx context.Context, method, path string, content io.Reader) ([]byte, error) {
	answer, err := o.stream(ctx, method, path, content)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	return io.ReadAll(io.LimitReader(answer, answerBytesMax))
}

// stream sends a request and gives the answer's body as it comes; the caller
// closes it. A problem document becomes a problem. Content that is no file is JSON.
func (o *client) stream(ctx context.Context, method, path string, content io.Reader) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(o.url, "/")+path, content)
	if err != nil {
		return nil, usagef("--url is %q: %v", o.url, err)
	}
	if _, isFile := content.(vfs.File); isFile {
		request.Header.Set("Content-Type", "application/octet-stream")
	} else if content != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, problem.New(problem.Canceled, "canceled")
		}
		return nil, problem.New(problem.NotFound, "no server answers at %s: %v", o.url, err).WithHint("start one with tidemark run, or name another with --url")
	}
	if response.StatusCode/100 == 2 {
		return response.Body, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return nil, err
	}
	var p struct {
		Detail   string           `json:"detail"`
		Code     problem.Code     `json:"code"`
		Hint     string           `json:"hint"`
		Position problem.Position `json:"position"`
	}
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return nil, fmt.Errorf("the server answered %s: %s", response.Status, body)
	}
	return nil, &problem.Problem{Code: p.Code, Message: p.Detail, Hint: p.Hint, Position: p.Position}
}
