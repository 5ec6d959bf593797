package main

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// TestQuota sends more than a table's quota allows: what has come is stored, and the
// next body is refused before it is read, with the time to wait.
func TestQuota(t *testing.T) {
	data := t.TempDir()
	c := start(t, data)
	c.define("CREATE TABLE t (id BIGINT) WITH ('quota.events' = '100', 'tenant' = 'acme'); CREATE TABLE other (id BIGINT)")
	var body strings.Builder
	for id := range 6100 {
		fmt.Fprintf(&body, "{\"id\":%d}\n", id)
	}
	c.call(200, "POST", "/api/v1/events/t?wait=applied", body.String())
	header, text := c.call(429, "POST", "/api/v1/events/t", `{"id":1}`)
	if after, err := strconv.Atoi(header.Get("Retry-After")); err != nil || after < 40 || after > 60 {
		t.Errorf("Retry-After is %q", header.Get("Retry-After"))
	}
	c.says(string(text), `"code":"too_busy"`, "quota")
	c.call(200, "POST", "/api/v1/events/other", body.String())
	c.settles("SELECT COUNT(*) FROM t", [][]string{{"6100"}})

	// A tenant's quota is one for all its tables, and is kept.
	c.define("CREATE TABLE a (id BIGINT) WITH ('tenant' = 'shop'); CREATE TABLE b (id BIGINT) WITH ('tenant' = 'shop')")
	quota := `{"events_per_second":100,"bytes_per_second":0}`
	if _, got := c.call(200, "POST", "/api/v1/tenants/shop/quota", quota); strings.TrimSpace(string(got)) != quota {
		t.Errorf("the quota is %s", got)
	}
	c.call(400, "POST", "/api/v1/tenants/shop/quota", `{"events_per_second":-1}`)
	c.interrupt()
	c = start(t, data)
	if _, got := c.call(200, "GET", "/api/v1/tenants/shop/quota", ""); strings.TrimSpace(string(got)) != quota {
		t.Errorf("after a restart the quota is %s", got)
	}
	c.call(200, "POST", "/api/v1/events/a", body.String())
	c.call(429, "POST", "/api/v1/events/b", `{"id":1}`)
	c.call(200, "POST", "/api/v1/tenants/shop/quota", `{}`)
	c.call(200, "POST", "/api/v1/events/b", `{"id":1}`)
	for _, wrong := range []string{"'quota.events' = '0'", "'quota.bytes' = 'much'", "'backlog' = 'soon'", "'tenant' = 'a b'"} {
		c.call(400, "POST", "/api/v1/statements", asked("CREATE TABLE wrong (id BIGINT) WITH ("+wrong+")"))
	}
}
