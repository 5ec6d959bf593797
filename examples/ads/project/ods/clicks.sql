-- Every click on an ad.
CREATE TABLE ods_clicks (
  request_id  STRING NOT NULL COMMENT 'the impression that was clicked',
  campaign_id BIGINT,
  campaign    STRING,
  device      STRING,
  ts          TIMESTAMP_LTZ(3),
  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
) WITH ('retention' = '2 d');
