package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"tidemark/base/problem"
)

// httpAnswer is what a benchmark reads of an answer.
type httpAnswer struct {
	Rows       [][]any    `json:"rows"`
	FinalUntil *time.Time `json:"final_until"`
	Stats      struct {
		Kept bool `json:"kept"`
	} `json:"stats"`
}

// reused is 1 for a kept answer.
func (a *httpAnswer) reused() int64 {
	if a.Stats.Kept {
		return 1
	}
	return 0
}

// asker keeps connections to a server that many questions go to at once.
var asker = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// ask asks a server.
func ask(ctx context.Context, url, question string) (*httpAnswer, error) {
	body, err := json.Marshal(map[string]string{"sql": question})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/v1/query", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := asker.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, problem.New(problem.Internal, "the server answered %s: %s", response.Status, text)
	}
	var a httpAnswer
	if err := json.Unmarshal(text, &a); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return &a, nil
}

// get fetches a page.
func get(ctx context.Context, url string) (status int, text []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	return response.StatusCode, text, err
}
