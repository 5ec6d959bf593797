-- Impressions and clicks in one shape, cleaned: test campaigns are left out, campaign names are unified.
CREATE MATERIALIZED TABLE dwd_events
FRESHNESS = INTERVAL '1' SECOND
AS
SELECT request_id, campaign_id, TRIM(campaign) AS campaign, UPPER(device) AS device, 'impression' AS kind,
       CASE WHEN error IS NULL THEN cost ELSE CAST(0 AS DECIMAL(10, 4)) END AS revenue, error IS NOT NULL AS failed, ts
FROM ods_impressions
WHERE campaign_id > 0
UNION ALL
SELECT request_id, campaign_id, TRIM(campaign) AS campaign, UPPER(device) AS device, 'click' AS kind,
       CAST(0 AS DECIMAL(10, 4)) AS revenue, FALSE AS failed, ts
FROM ods_clicks
WHERE campaign_id > 0;
