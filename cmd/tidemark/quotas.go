package main

import (
	"context"
	"encoding/json"
	"fmt"

	"tidemark/connect/native"
	"tidemark/serve/httpapi"
	"tidemark/store/meta"
	"tidemark/target/embedded"
)

// quotaKind is the kind under which the quotas of tenants are kept.
const quotaKind = "quota"

// quotasView shows the quotas of tenants to the HTTP door, and keeps them.
type quotasView struct {
	jobs *embedded.Jobs
	meta *meta.Store
}

// Quota is what holds for a tenant.
func (v quotasView) Quota(_ context.Context, tenant string) (httpapi.Quota, error) {
	q, err := v.jobs.Quota(tenant)
	return httpapi.Quota(q), err
}

// SetQuota keeps a quota, and lets it hold.
func (v quotasView) SetQuota(ctx context.Context, tenant string, q httpapi.Quota) error {
	if err := embedded.CheckQuota(tenant, native.Quota(q)); err != nil {
		return err
	}
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	if _, err := v.meta.Put(ctx, quotaKind, tenant, string(body)); err != nil {
		return err
	}
	return v.jobs.SetQuota(tenant, native.Quota(q))
}

// load lets the quotas hold that were kept.
func (v quotasView) load(ctx context.Context) error {
	all, err := v.meta.All(ctx, quotaKind)
	if err != nil {
		return err
	}
	for _, d := range all {
		var q native.Quota
		if err := json.Unmarshal([]byte(d.Body), &q); err != nil {
			return fmt.Errorf("read the quota of %s: %w", d.Name, err)
		}
		if err := v.jobs.SetQuota(d.Name, q); err != nil {
			return err
		}
	}
	return nil
}
