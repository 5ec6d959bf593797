package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const (
	page   = "<!doctype html><title>Tidemark</title>"
	script = "console.log('the page')"
)

func compress(t *testing.T, text string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	writer := gzip.NewWriter(&buffer)
	if _, err := io.WriteString(writer, text); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

func builtPages(t *testing.T) *Pages {
	t.Helper()
	pages, err := newPages(fstest.MapFS{
		".keep":                  {},
		"index.html.gz":          {Data: compress(t, page)},
		"favicon.svg":            {Data: []byte("<svg/>")},
		"assets/app-1a2b.js.gz":  {Data: compress(t, script)},
		"assets/inter-3c4.woff2": {Data: []byte("font")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func ask(pages *Pages, method, target string, headers ...string) *http.Response {
	request := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	pages.ServeHTTP(recorder, request)
	return recorder.Result()
}

func bodyOf(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAnswers(t *testing.T) {
	type answer struct {
		Status            int
		Type, Cache, Body string
	}
	html := answer{200, "text/html; charset=utf-8", cacheRevalidate, page}
	missing := answer{404, "text/plain; charset=utf-8", "", "404 page not found\n"}
	cases := []struct {
		path string
		want answer
	}{
		{"/", html},
		{"/index.html", html},
		{"/sql", html},
		{"/campaigns/7", html},
		{"/../../etc", html},
		{"/favicon.svg", answer{200, "image/svg+xml", cacheRevalidate, "<svg/>"}},
		{"/assets/app-1a2b.js", answer{200, "text/javascript; charset=utf-8", cacheForever, script}},
		{"/assets/inter-3c4.woff2", answer{200, "font/woff2", cacheForever, "font"}},
		{"/assets/app-0000.js", missing},
		{"/assets/", missing},
		{"/assets/app-1a2b.js.gz", missing},
		{"/.keep", missing},
		{"/robots.txt", missing},
		{"/api", missing},
		{"/api/v1/nothing", missing},
	}
	pages := builtPages(t)
	for _, c := range cases {
		response := ask(pages, http.MethodGet, c.path)
		got := answer{response.StatusCode, response.Header.Get("Content-Type"), response.Header.Get("Cache-Control"), bodyOf(t, response)}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", c.path, diff)
		}
	}
}

func TestCompressedBytesGoOutAsTheyAre(t *testing.T) {
	response := ask(builtPages(t), http.MethodGet, "/assets/app-1a2b.js", "Accept-Encoding", "br, gzip")
	if got := response.Header.Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding %q, want gzip", got)
	}
	if got := response.Header.Get("Vary"); got != "Accept-Encoding" {
		t.Errorf("Vary %q, want Accept-Encoding", got)
	}
	if diff := cmp.Diff(string(compress(t, script)), bodyOf(t, response)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestAcceptsGzip(t *testing.T) {
	cases := map[string]bool{
		"":                      false,
		"br":                    false,
		"gzip":                  true,
		"GZIP;q=0.5":            true,
		"br, *":                 true,
		"*;q=0":                 false,
		"gzip;q=0":              false,
		"gzip; q=0.000, *":      false,
		"*;q=0, gzip":           true,
		"identity;q=1, gzip;q=": false,
	}
	for header, want := range cases {
		if got := acceptsGzip(header); got != want {
			t.Errorf("acceptsGzip(%q) = %v, want %v", header, got, want)
		}
	}
}

func TestAnUnchangedFileIsNotSentAgain(t *testing.T) {
	pages := builtPages(t)
	tag := ask(pages, http.MethodGet, "/").Header.Get("ETag")
	for _, header := range []string{tag, strings.TrimPrefix(tag, "W/"), `"other", ` + tag, "*"} {
		response := ask(pages, http.MethodGet, "/", "If-None-Match", header)
		if body := bodyOf(t, response); response.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("If-None-Match %s: status %d with %d bytes, want 304 with none", header, response.StatusCode, len(body))
		}
	}
	if response := ask(pages, http.MethodGet, "/", "If-None-Match", `"other"`); response.StatusCode != http.StatusOK {
		t.Errorf("another tag: status %d, want 200", response.StatusCode)
	}
}

func TestHeadHasTheHeadersOfGet(t *testing.T) {
	pages := builtPages(t)
	get, head := ask(pages, http.MethodGet, "/"), ask(pages, http.MethodHead, "/")
	if diff := cmp.Diff(get.Header, head.Header); diff != "" {
		t.Errorf("headers (-GET +HEAD):\n%s", diff)
	}
	if body := bodyOf(t, head); body != "" {
		t.Errorf("HEAD has a body of %d bytes", len(body))
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	pages := builtPages(t)
	for _, response := range []*http.Response{
		ask(pages, http.MethodGet, "/"),
		ask(pages, http.MethodGet, "/assets/absent.js"),
		ask(pages, http.MethodPost, "/"),
	} {
		if got := response.Header.Get("Content-Security-Policy"); got != policy {
			t.Errorf("status %d: policy %q", response.StatusCode, got)
		}
		if got := response.Header.Get("X-Content-Type-Options"); got != "nosniff" {
			t.Errorf("status %d: X-Content-Type-Options %q", response.StatusCode, got)
		}
	}
	if strings.Contains(policy, "script-src 'self' 'unsafe") {
		t.Error("the policy allows inline scripts")
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	response := ask(builtPages(t), http.MethodPost, "/")
	if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("status %d, Allow %q", response.StatusCode, response.Header.Get("Allow"))
	}
}

func TestWithoutTheUIThePageSaysHowToBuildIt(t *testing.T) {
	pages, err := newPages(fstest.MapFS{".keep": {}})
	if err != nil {
		t.Fatal(err)
	}
	if pages.Built() {
		t.Error("Built() without an index page")
	}
	response := ask(pages, http.MethodGet, "/")
	if body := bodyOf(t, response); response.StatusCode != http.StatusOK || !strings.Contains(body, "make ui") {
		t.Errorf("status %d, body %q", response.StatusCode, body)
	}
	if response := ask(pages, http.MethodGet, "/assets/app.js"); response.StatusCode != http.StatusNotFound {
		t.Errorf("an absent asset: status %d, want 404", response.StatusCode)
	}
}

func TestADamagedFileIsAnError(t *testing.T) {
	pages, err := newPages(fstest.MapFS{"index.html.gz": {Data: []byte("not gzip")}})
	if err != nil {
		t.Fatal(err)
	}
	if response := ask(pages, http.MethodGet, "/"); response.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d, want 500", response.StatusCode)
	}
}

// Whatever state the embedded folder is in, the binary starts and answers.
func TestTheEmbeddedPagesAreServed(t *testing.T) {
	pages, err := New()
	if err != nil {
		t.Fatal(err)
	}
	response := ask(pages, http.MethodGet, "/")
	if body := bodyOf(t, response); response.StatusCode != http.StatusOK || !strings.Contains(body, "<title>Tidemark</title>") {
		t.Errorf("status %d, body %.80q", response.StatusCode, body)
	}
}
