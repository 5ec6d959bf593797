package httpapi

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tidemark/base/problem"
	"tidemark/connect/native"
)

// fakeQuotas keeps the quota of one tenant.
type fakeQuotas struct{ kept Quota }

func (f *fakeQuotas) Quota(_ context.Context, tenant string) (Quota, error) {
	if tenant == "a b" {
		return Quota{}, problem.New(problem.InvalidOption, "a tenant cannot be called %q", tenant)
	}
	return f.kept, nil
}

func (f *fakeQuotas) SetQuota(_ context.Context, _ string, q Quota) error {
	f.kept = q
	return nil
}

func TestQuotas(t *testing.T) {
	w := newWorld(t, nil)
	for _, call := range []struct {
		method, tenant, body string
		status               int
		says                 string
	}{
		{"GET", "acme", "", 200, `{"events_per_second":0,"bytes_per_second":0}`},
		{"POST", "acme", `{"events_per_second":5}`, 200, `{"events_per_second":5,"bytes_per_second":0}`},
		{"GET", "acme", "", 200, `{"events_per_second":5,"bytes_per_second":0}`},
		{"GET", "a%20b", "", 400, "cannot be called"},
		{"POST", "acme", `{"events":5}`, 400, `"field":"events"`},
	} {
		answer := httptest.NewRecorder()
		w.server.ServeHTTP(answer, httptest.NewRequest(call.method, "/api/v1/tenants/"+call.tenant+"/quota", strings.NewReader(call.body)))
		if answer.Code != call.status || !strings.Contains(answer.Body.String(), call.says) {
			t.Errorf("%s %s %s: %d %s", call.method, call.tenant, call.body, answer.Code, answer.Body)
		}
	}
}

// TestTooFast sends to an intake whose readers are behind: the body is not read, and
// the answer says how long to wait.
func TestTooFast(t *testing.T) {
	w := newWorld(t, nil)
	intake, _ := w.config.Intake("clicks")
	intake.Limit(&native.Allowance{})
	intake.Pause(time.Now().Add(2500 * time.Millisecond))
	body := strings.NewReader(`{"id":1}`)
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, httptest.NewRequest("POST", "/api/v1/events/clicks", body))
	if answer.Code != 429 || answer.Header().Get("Retry-After") != "3" || !strings.Contains(answer.Body.String(), "too far behind") || body.Len() == 0 {
		t.Errorf("%d, Retry-After %s, %s", answer.Code, answer.Header().Get("Retry-After"), answer.Body)
	}
	intake.Pause(time.Time{})
	answer = httptest.NewRecorder()
	w.server.ServeHTTP(answer, httptest.NewRequest("POST", "/api/v1/events/clicks", body))
	if answer.Code != 200 {
		t.Errorf("after the pause: %d %s", answer.Code, answer.Body)
	}
}
