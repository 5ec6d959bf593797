package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestSavepoints(t *testing.T) {
	w := newWorld(t, nil)
	for _, call := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/actions", `{"action":"savepoint","name":"first"}`, 200, `"name":"ads_minute"`},
		{"POST", "/actions", `{"action":"savepoint"}`, 400, `"field":"name"`},
		{"POST", "/actions", `{"action":"restore","name":"missing"}`, 404, "no savepoint missing"},
		{"GET", "/savepoints", "", 200, `"epoch":9`},
		{"GET", "/savepoints/first", "", 200, "content"},
		{"GET", "/savepoints/missing", "", 404, "no savepoint missing"},
		{"POST", "/savepoints/other", "content", 200, `"name":"other"`},
		{"DELETE", "/savepoints/first", "", 204, ""},
		{"DELETE", "/savepoints/missing", "", 404, "no savepoint missing"},
	} {
		answer := httptest.NewRecorder()
		w.server.ServeHTTP(answer, httptest.NewRequest(call.method, "/api/v1/jobs/ads_minute"+call.path, strings.NewReader(call.body)))
		if answer.Code != call.status || !strings.Contains(answer.Body.String(), call.says) {
			t.Errorf("%s %s %s: %d %s", call.method, call.path, call.body, answer.Code, answer.Body)
		}
	}
	without := newWorld(t, func(c *Config) { c.Savepoints = nil })
	answer := httptest.NewRecorder()
	without.server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/api/v1/jobs/ads_minute/savepoints", nil))
	if answer.Code == http.StatusOK {
		t.Errorf("without savepoints: %d %s", answer.Code, answer.Body)
	}
}
