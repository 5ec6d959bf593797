package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLoopbackNames(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.:8080": true, "tidemark.localhost:8080": true, "127.0.0.1": true, "127.0.0.1:8080": true, "127.9.9.9:1": true,
		"[::1]": true, "[::1]:8080": true, "": false, "evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "notlocalhost": false,
		"10.0.0.1:8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "127.0.0.1.evil.example": false,
	} {
		if got := isLoopbackName(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}

// TestOtherSitesAreKeptOut sends what browsers send for pages of other sites.
func TestOtherSitesAreKeptOut(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Loopback = true })
	for _, c := range []struct {
		what, method, host string
		headers            map[string]string
		want               int
	}{
		{"a program", "POST", "127.0.0.1:8080", nil, 200},
		{"our page", "POST", "localhost:8080", map[string]string{"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}, 200},
		{"another site's form", "POST", "localhost:8080", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, 403},
		{"another port of this machine", "POST", "localhost:8080", map[string]string{"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"}, 403},
		{"an old browser", "POST", "localhost:8080", map[string]string{"Origin": "https://evil.example"}, 403},
		{"a name that leads to this machine", "POST", "evil.example:8080", map[string]string{"Origin": "http://evil.example:8080", "Sec-Fetch-Site": "same-origin"}, 403},
		{"reading under such a name", "GET", "evil.example:8080", map[string]string{"Sec-Fetch-Site": "same-origin"}, 403},
	} {
		path := "/api/v1/events/clicks"
		if c.method == http.MethodGet {
			path = "/api/v1/tables"
		}
		r := httptest.NewRequest(c.method, path, strings.NewReader(`{"id":1}`))
		r.Host = c.host
		for name, text := range c.headers {
			r.Header.Set(name, text)
		}
		answer := httptest.NewRecorder()
		w.server.ServeHTTP(answer, r)
		if answer.Code != c.want {
			t.Errorf("%s: %d %s", c.what, answer.Code, answer.Body)
		}
	}
}

func TestRequestsAreCounted(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Pages = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) })
	})
	sendEvents(t, w.server, "", []byte(`{"id":1}{`+"\n"+`{"id":2}`))
	post(t, w.server, "/api/v1/query", "", `{"sql":"a bug"}`)
	for _, path := range []string{"/", "/jobs", "/api/v1/nothing", "/api/v1/tables/clicks"} {
		w.server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`tidemark_httpapi_requests_total{route="/api/v1/events/{table}",status="200"} 1`,
		`tidemark_httpapi_requests_total{route="/api/v1/query",status="500"} 1`,
		`tidemark_httpapi_requests_total{route="/",status="200"} 2`,
		`tidemark_httpapi_requests_total{route="/api/",status="404"} 1`,
		`tidemark_httpapi_request_seconds_count{route="/api/v1/tables/{table}",status="200"} 1`,
		`tidemark_httpapi_events_total{outcome="accepted",table="clicks"} 1`,
		`tidemark_httpapi_events_total{outcome="quarantined",table="clicks"} 1`,
	} {
		if !strings.Contains(answer.Body.String(), line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

func TestReadinessTellsWhatIsMissing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Missing = func() []string { return []string{"definitions are being loaded"} } })
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if want := `{"ready":false,"missing":["definitions are being loaded"]}` + "\n"; answer.Code != http.StatusServiceUnavailable || answer.Body.String() != want {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}

func TestWhatIsRequiredIsChecked(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an empty Config was accepted")
	}
}

func TestServerWithoutPipelines(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Definer, c.Jobs, c.Ingest = nil, nil, nil })
	if answer := post(t, w.server, "/api/v1/statements", "", `{"sql":"CREATE TABLE t (a INT)"}`); answer.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if answer := post(t, w.server, "/api/v1/jobs/x/actions", "", `{"action":"resume"}`); answer.Code != http.StatusNotFound {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
}
