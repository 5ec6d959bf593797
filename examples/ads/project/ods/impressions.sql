-- Every time an ad was shown, as the ad servers report it.
CREATE TABLE ods_impressions (
  request_id  STRING NOT NULL COMMENT 'one ad shown once',
  campaign_id BIGINT,
  campaign    STRING,
  device      STRING COMMENT 'phone, tablet, desktop or tv',
  device_id   STRING,
  cost        DECIMAL(10, 4) COMMENT 'what the advertiser pays for this impression',
  error       STRING COMMENT 'why it could not be shown; NULL when it was',
  ts          TIMESTAMP_LTZ(3) COMMENT 'when it was shown, by the device''s clock',
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('retention' = '2 d');
