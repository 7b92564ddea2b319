PRAGMA application_id = 1129467204;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE "auth_users" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "email" TEXT NOT NULL,
  "created_at" TEXT NOT NULL
) STRICT;
INSERT INTO "auth_users" VALUES('dc567cba-1f92-5808-9042-efdce13a0f73','amy@example.com','2026-01-01T00:00:00.000000+00:00');
INSERT INTO "auth_users" VALUES('982721c3-6369-5db0-b7e4-021d93464e21','rita@example.com','2026-01-01T00:01:00.000000+00:00');
CREATE TABLE "credit_consumptions" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "recording_id" TEXT NOT NULL,
  "user_id" TEXT,
  "grant_id" TEXT REFERENCES "credit_grants" ("id") DEFERRABLE INITIALLY DEFERRED,
  "created_at" TEXT NOT NULL,
  "completed_at" TEXT,
  "refunded_at" TEXT
) STRICT;
INSERT INTO "credit_consumptions" VALUES('3c855720-6ad5-5771-a343-a41fdd03f559','3c855720-6ad5-5771-a343-a41fdd03f559','dc567cba-1f92-5808-9042-efdce13a0f73','dc567cba-1f92-5808-9042-efdce13a0f73/1','2026-01-01T00:03:00.000000+00:00',NULL,NULL);
INSERT INTO "credit_consumptions" VALUES('recordings/eb3abbe1-1450-59e8-a738-c9700156b8ae','eb3abbe1-1450-59e8-a738-c9700156b8ae','982721c3-6369-5db0-b7e4-021d93464e21','982721c3-6369-5db0-b7e4-021d93464e21/1','2026-01-01T00:08:00.000000+00:00',NULL,NULL);
INSERT INTO "credit_consumptions" VALUES('b97a1d08-9933-5c58-8775-09c8d35883fa','b97a1d08-9933-5c58-8775-09c8d35883fa','dc567cba-1f92-5808-9042-efdce13a0f73','dc567cba-1f92-5808-9042-efdce13a0f73/1','2026-01-01T00:12:00.000000+00:00',NULL,NULL);
CREATE TABLE "credit_grants" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "profiles" ("user_id") DEFERRABLE INITIALLY DEFERRED,
  "number" INTEGER NOT NULL,
  "source" TEXT NOT NULL CHECK ("source" IN ('initial', 'payment', 'adjustment')),
  "email" TEXT,
  "payment_id" TEXT REFERENCES "payments" ("id") DEFERRABLE INITIALLY DEFERRED,
  "credits" INTEGER NOT NULL CHECK ("credits" >= 0),
  "remaining" INTEGER NOT NULL CHECK ("remaining" >= 0),
  "consumed" INTEGER NOT NULL DEFAULT 0 CHECK ("consumed" >= 0),
  "voided" INTEGER NOT NULL DEFAULT 0 CHECK ("voided" >= 0),
  "created_at" TEXT NOT NULL
) STRICT;
INSERT INTO "credit_grants" VALUES('dc567cba-1f92-5808-9042-efdce13a0f73/1','dc567cba-1f92-5808-9042-efdce13a0f73',1,'initial','amy@example.com',NULL,4,2,2,0,'2026-01-01T00:00:00.000000+00:00');
INSERT INTO "credit_grants" VALUES('dc567cba-1f92-5808-9042-efdce13a0f73/2','dc567cba-1f92-5808-9042-efdce13a0f73',2,'payment',NULL,'b136f062-432b-5621-9dec-fa0b0e9e5312',3,3,0,0,'2026-01-01T00:05:00.000000+00:00');
INSERT INTO "credit_grants" VALUES('982721c3-6369-5db0-b7e4-021d93464e21/1','982721c3-6369-5db0-b7e4-021d93464e21',1,'payment',NULL,'d082e62e-5b40-53b9-aacc-a62ac75f128e',3,2,1,0,'2026-01-01T00:06:00.000000+00:00');
CREATE TABLE "crm_dashboard_stats" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "email" TEXT NOT NULL REFERENCES "digital_resume_by_CRM" ("email") DEFERRABLE INITIALLY DEFERRED,
  "user_id" TEXT NOT NULL REFERENCES "auth_users" ("id") DEFERRABLE INITIALLY DEFERRED,
  "total_applications" INTEGER NOT NULL DEFAULT 0 CHECK ("total_applications" >= 0),
  "total_recordings" INTEGER NOT NULL DEFAULT 0 CHECK ("total_recordings" >= 0),
  "total_resumes" INTEGER NOT NULL DEFAULT 0 CHECK ("total_resumes" >= 0),
  "total_views" INTEGER NOT NULL DEFAULT 0 CHECK ("total_views" >= 0),
  "last_application_date" TEXT,
  "last_recording_date" TEXT,
  "last_login_date" TEXT,
  "total_time_spent" INTEGER NOT NULL DEFAULT 0 CHECK ("total_time_spent" >= 0),
  "created_at" TEXT,
  "updated_at" TEXT
) STRICT;
INSERT INTO "crm_dashboard_stats" VALUES('67fdeb2d-c702-5097-b0ce-0c3d6f967a76','amy@example.com','dc567cba-1f92-5808-9042-efdce13a0f73',1,2,1,1,'2026-01-01T00:02:00.000000+00:00','2026-01-01T00:12:00.000000+00:00','2026-01-01T00:10:00.000000+00:00',60,'2026-01-01T00:00:00.000000+00:00','2026-01-01T00:12:00.000000+00:00');
CREATE TABLE "crm_job_requests" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "email" TEXT NOT NULL REFERENCES "digital_resume_by_CRM" ("email") DEFERRABLE INITIALLY DEFERRED,
  "user_id" TEXT NOT NULL REFERENCES "auth_users" ("id") DEFERRABLE INITIALLY DEFERRED,
  "job_title" TEXT,
  "company_name" TEXT,
  "job_description" TEXT,
  "job_url" TEXT,
  "application_status" TEXT,
  "applied_date" TEXT,
  "resume_url" TEXT,
  "cover_letter" TEXT,
  "created_at" TEXT,
  "updated_at" TEXT
) STRICT;
INSERT INTO "crm_job_requests" VALUES('a3720899-a6de-5cc2-964f-b34324d571b6','amy@example.com','dc567cba-1f92-5808-9042-efdce13a0f73','Engineer','Acme',NULL,NULL,NULL,NULL,NULL,NULL,'2026-01-01T00:02:00.000000+00:00','2026-01-01T00:02:00.000000+00:00');
CREATE TABLE "crm_recordings" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "email" TEXT NOT NULL REFERENCES "digital_resume_by_CRM" ("email") DEFERRABLE INITIALLY DEFERRED,
  "user_id" TEXT NOT NULL REFERENCES "auth_users" ("id") DEFERRABLE INITIALLY DEFERRED,
  "job_request_id" TEXT REFERENCES "crm_job_requests" ("id") DEFERRABLE INITIALLY DEFERRED,
  "video_url" TEXT,
  "thumbnail_url" TEXT,
  "duration" INTEGER CHECK ("duration" >= 0),
  "file_size" INTEGER CHECK ("file_size" >= 0),
  "recording_date" TEXT,
  "transcription" TEXT,
  "status" TEXT NOT NULL DEFAULT 'processing' CHECK ("status" IN ('processing', 'completed', 'failed')),
  "created_at" TEXT,
  "updated_at" TEXT
) STRICT;
INSERT INTO "crm_recordings" VALUES('3c855720-6ad5-5771-a343-a41fdd03f559','amy@example.com','dc567cba-1f92-5808-9042-efdce13a0f73','a3720899-a6de-5cc2-964f-b34324d571b6','https://v.test/1.mp4',NULL,NULL,NULL,NULL,NULL,'processing','2026-01-01T00:03:00.000000+00:00','2026-01-01T00:03:00.000000+00:00');
INSERT INTO "crm_recordings" VALUES('b97a1d08-9933-5c58-8775-09c8d35883fa','amy@example.com','dc567cba-1f92-5808-9042-efdce13a0f73',NULL,'c',NULL,NULL,NULL,NULL,NULL,'processing','2026-01-01T00:12:00.000000+00:00','2026-01-01T00:12:00.000000+00:00');
CREATE TABLE "crm_resumes" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "email" TEXT NOT NULL REFERENCES "digital_resume_by_CRM" ("email") DEFERRABLE INITIALLY DEFERRED,
  "user_id" TEXT NOT NULL REFERENCES "auth_users" ("id") DEFERRABLE INITIALLY DEFERRED,
  "resume_name" TEXT,
  "resume_url" TEXT NOT NULL,
  "file_type" TEXT,
  "file_size" INTEGER CHECK ("file_size" >= 0),
  "parsed_data" TEXT CHECK ("parsed_data" IS NULL OR json_valid("parsed_data")),
  "is_primary" INTEGER NOT NULL DEFAULT 0 CHECK ("is_primary" IN (0, 1)),
  "is_active" INTEGER NOT NULL DEFAULT 1 CHECK ("is_active" IN (0, 1)),
  "created_at" TEXT,
  "updated_at" TEXT
) STRICT;
INSERT INTO "crm_resumes" VALUES('511c727f-ee27-57ed-8045-b37c2ad7d98a','amy@example.com','dc567cba-1f92-5808-9042-efdce13a0f73',NULL,'https://v.test/1.pdf',NULL,NULL,'{"skills":["\u00c4",1.5,null]}',1,1,'2026-01-01T00:04:00.000000+00:00','2026-01-01T00:04:00.000000+00:00');
CREATE TABLE "digital_resume_by_CRM" (
  "email" TEXT NOT NULL PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "auth_users" ("id") DEFERRABLE INITIALLY DEFERRED,
  "credits_remaining" INTEGER NOT NULL DEFAULT 4 CHECK ("credits_remaining" >= 0),
  "payment_details" TEXT CHECK ("payment_details" IS NULL OR json_valid("payment_details")),
  "user_created_at" TEXT,
  "last_sync_at" TEXT,
  "is_active" INTEGER NOT NULL DEFAULT 1 CHECK ("is_active" IN (0, 1))
) STRICT;
INSERT INTO "digital_resume_by_CRM" VALUES('amy@example.com','dc567cba-1f92-5808-9042-efdce13a0f73',5,NULL,'2026-01-01T00:00:00.000000+00:00','2026-01-01T00:00:00.000000+00:00',1);
CREATE TABLE "idempotency_keys" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "user_id" TEXT,
  "key" TEXT NOT NULL,
  "fingerprint" TEXT NOT NULL,
  "answer" TEXT NOT NULL CHECK ("answer" IS NULL OR json_valid("answer")),
  "created_at" TEXT NOT NULL
) STRICT;
INSERT INTO "idempotency_keys" VALUES('dc567cba-1f92-5808-9042-efdce13a0f73/key-1','dc567cba-1f92-5808-9042-efdce13a0f73','key-1','ef405599893564ed05593aad234a2c87de8f5702f41d855fd1e71b38c379ccf8','{"affected":null,"credited":null,"id":"b97a1d08-9933-5c58-8775-09c8d35883fa","user_id":null,"version":17}','2026-01-01T00:12:00.000000+00:00');
CREATE TABLE "job_requests" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "auth_users" ("id") DEFERRABLE INITIALLY DEFERRED,
  "job_title" TEXT,
  "company_name" TEXT,
  "job_description" TEXT,
  "job_url" TEXT,
  "application_status" TEXT,
  "applied_date" TEXT,
  "resume_url" TEXT,
  "cover_letter" TEXT,
  "created_at" TEXT,
  "updated_at" TEXT
) STRICT;
INSERT INTO "job_requests" VALUES('46b08178-48b9-511b-aa6c-3e5c3a4edac3','982721c3-6369-5db0-b7e4-021d93464e21','Chef',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-01-01T00:07:00.000000+00:00','2026-01-01T00:07:00.000000+00:00');
CREATE TABLE "journal" (
  "position" INTEGER PRIMARY KEY,
  "at" TEXT NOT NULL,
  "role" TEXT NOT NULL,
  "user_id" TEXT,
  "account" TEXT,
  "version" INTEGER NOT NULL,
  "idempotency_key" TEXT,
  "type" TEXT NOT NULL,
  "schema_version" INTEGER NOT NULL,
  "data" TEXT NOT NULL CHECK (json_valid("data")),
  UNIQUE ("account", "version")
) STRICT;
INSERT INTO "journal" VALUES(1,'2026-01-01T00:00:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',1,NULL,'UserRegistered',1,'{"id":"dc567cba-1f92-5808-9042-efdce13a0f73","email":"amy@example.com","created_at":"2026-01-01T00:00:00.000000+00:00"}');
INSERT INTO "journal" VALUES(2,'2026-01-01T00:00:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',2,NULL,'ProfileCreated',1,'{"user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","credits_remaining":0,"created_at":"2026-01-01T00:00:00.000000+00:00","updated_at":"2026-01-01T00:00:00.000000+00:00"}');
INSERT INTO "journal" VALUES(3,'2026-01-01T00:00:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',3,NULL,'CreditGranted',1,'{"id":"dc567cba-1f92-5808-9042-efdce13a0f73/1","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","number":1,"source":"initial","email":"amy@example.com","payment_id":null,"credits":4,"remaining":4,"consumed":0,"voided":0,"created_at":"2026-01-01T00:00:00.000000+00:00"}');
INSERT INTO "journal" VALUES(4,'2026-01-01T00:00:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',4,NULL,'CrmUserCreated',1,'{"email":"amy@example.com","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","credits_remaining":4,"payment_details":null,"user_created_at":"2026-01-01T00:00:00.000000+00:00","last_sync_at":"2026-01-01T00:00:00.000000+00:00","is_active":true}');
INSERT INTO "journal" VALUES(5,'2026-01-01T00:00:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',5,NULL,'DashboardCreated',1,'{"id":"67fdeb2d-c702-5097-b0ce-0c3d6f967a76","email":"amy@example.com","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","total_applications":0,"total_recordings":0,"total_resumes":0,"total_views":0,"last_application_date":null,"last_recording_date":null,"last_login_date":null,"total_time_spent":0,"created_at":"2026-01-01T00:00:00.000000+00:00","updated_at":"2026-01-01T00:00:00.000000+00:00"}');
INSERT INTO "journal" VALUES(6,'2026-01-01T00:01:00.000000+00:00','service',NULL,'982721c3-6369-5db0-b7e4-021d93464e21',1,NULL,'UserRegistered',1,'{"id":"982721c3-6369-5db0-b7e4-021d93464e21","email":"rita@example.com","created_at":"2026-01-01T00:01:00.000000+00:00"}');
INSERT INTO "journal" VALUES(7,'2026-01-01T00:01:00.000000+00:00','service',NULL,'982721c3-6369-5db0-b7e4-021d93464e21',2,NULL,'ProfileCreated',1,'{"user_id":"982721c3-6369-5db0-b7e4-021d93464e21","credits_remaining":0,"created_at":"2026-01-01T00:01:00.000000+00:00","updated_at":"2026-01-01T00:01:00.000000+00:00"}');
INSERT INTO "journal" VALUES(8,'2026-01-01T00:02:00.000000+00:00','user','dc567cba-1f92-5808-9042-efdce13a0f73','dc567cba-1f92-5808-9042-efdce13a0f73',6,NULL,'JobRequestCreated',1,'{"id":"a3720899-a6de-5cc2-964f-b34324d571b6","email":"amy@example.com","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","job_title":"Engineer","company_name":"Acme","job_description":null,"job_url":null,"application_status":null,"applied_date":null,"resume_url":null,"cover_letter":null,"created_at":"2026-01-01T00:02:00.000000+00:00","updated_at":"2026-01-01T00:02:00.000000+00:00"}');
INSERT INTO "journal" VALUES(9,'2026-01-01T00:03:00.000000+00:00','user','dc567cba-1f92-5808-9042-efdce13a0f73','dc567cba-1f92-5808-9042-efdce13a0f73',7,NULL,'RecordingCreated',1,'{"id":"3c855720-6ad5-5771-a343-a41fdd03f559","email":"amy@example.com","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","job_request_id":"a3720899-a6de-5cc2-964f-b34324d571b6","video_url":"https://v.test/1.mp4","thumbnail_url":null,"duration":null,"file_size":null,"recording_date":null,"transcription":null,"status":"processing","created_at":"2026-01-01T00:03:00.000000+00:00","updated_at":"2026-01-01T00:03:00.000000+00:00"}');
INSERT INTO "journal" VALUES(10,'2026-01-01T00:03:00.000000+00:00','user','dc567cba-1f92-5808-9042-efdce13a0f73','dc567cba-1f92-5808-9042-efdce13a0f73',8,NULL,'CreditConsumed',1,'{"id":"3c855720-6ad5-5771-a343-a41fdd03f559","recording_id":"3c855720-6ad5-5771-a343-a41fdd03f559","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","grant_id":"dc567cba-1f92-5808-9042-efdce13a0f73/1","created_at":"2026-01-01T00:03:00.000000+00:00","completed_at":null,"refunded_at":null}');
INSERT INTO "journal" VALUES(11,'2026-01-01T00:04:00.000000+00:00','user','dc567cba-1f92-5808-9042-efdce13a0f73','dc567cba-1f92-5808-9042-efdce13a0f73',9,NULL,'ResumeUploaded',1,'{"id":"511c727f-ee27-57ed-8045-b37c2ad7d98a","email":"amy@example.com","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","resume_name":null,"resume_url":"https://v.test/1.pdf","file_type":null,"file_size":null,"parsed_data":"{\"skills\":[\"\\u00c4\",1.5,null]}","is_primary":true,"is_active":true,"created_at":"2026-01-01T00:04:00.000000+00:00","updated_at":"2026-01-01T00:04:00.000000+00:00"}');
INSERT INTO "journal" VALUES(12,'2026-01-01T00:05:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',10,NULL,'PaymentRecorded',1,'{"id":"b136f062-432b-5621-9dec-fa0b0e9e5312","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","ref":"pay-1","amount":"12.99","credits":3,"created_at":"2026-01-01T00:05:00.000000+00:00"}');
INSERT INTO "journal" VALUES(13,'2026-01-01T00:05:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',11,NULL,'CreditGranted',1,'{"id":"dc567cba-1f92-5808-9042-efdce13a0f73/2","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","number":2,"source":"payment","email":null,"payment_id":"b136f062-432b-5621-9dec-fa0b0e9e5312","credits":3,"remaining":3,"consumed":0,"voided":0,"created_at":"2026-01-01T00:05:00.000000+00:00"}');
INSERT INTO "journal" VALUES(14,'2026-01-01T00:06:00.000000+00:00','service',NULL,'982721c3-6369-5db0-b7e4-021d93464e21',3,NULL,'PaymentRecorded',1,'{"id":"d082e62e-5b40-53b9-aacc-a62ac75f128e","user_id":"982721c3-6369-5db0-b7e4-021d93464e21","ref":"pay-2","amount":"12.99","credits":3,"created_at":"2026-01-01T00:06:00.000000+00:00"}');
INSERT INTO "journal" VALUES(15,'2026-01-01T00:06:00.000000+00:00','service',NULL,'982721c3-6369-5db0-b7e4-021d93464e21',4,NULL,'CreditGranted',1,'{"id":"982721c3-6369-5db0-b7e4-021d93464e21/1","user_id":"982721c3-6369-5db0-b7e4-021d93464e21","number":1,"source":"payment","email":null,"payment_id":"d082e62e-5b40-53b9-aacc-a62ac75f128e","credits":3,"remaining":3,"consumed":0,"voided":0,"created_at":"2026-01-01T00:06:00.000000+00:00"}');
INSERT INTO "journal" VALUES(16,'2026-01-01T00:07:00.000000+00:00','user','982721c3-6369-5db0-b7e4-021d93464e21','982721c3-6369-5db0-b7e4-021d93464e21',5,NULL,'RegularJobRequestCreated',1,'{"id":"46b08178-48b9-511b-aa6c-3e5c3a4edac3","user_id":"982721c3-6369-5db0-b7e4-021d93464e21","job_title":"Chef","company_name":null,"job_description":null,"job_url":null,"application_status":null,"applied_date":null,"resume_url":null,"cover_letter":null,"created_at":"2026-01-01T00:07:00.000000+00:00","updated_at":"2026-01-01T00:07:00.000000+00:00"}');
INSERT INTO "journal" VALUES(17,'2026-01-01T00:08:00.000000+00:00','user','982721c3-6369-5db0-b7e4-021d93464e21','982721c3-6369-5db0-b7e4-021d93464e21',6,NULL,'RegularRecordingCreated',1,'{"id":"eb3abbe1-1450-59e8-a738-c9700156b8ae","user_id":"982721c3-6369-5db0-b7e4-021d93464e21","job_request_id":null,"video_url":"b","thumbnail_url":null,"duration":null,"file_size":null,"recording_date":null,"transcription":null,"status":"processing","created_at":"2026-01-01T00:08:00.000000+00:00","updated_at":"2026-01-01T00:08:00.000000+00:00"}');
INSERT INTO "journal" VALUES(18,'2026-01-01T00:08:00.000000+00:00','user','982721c3-6369-5db0-b7e4-021d93464e21','982721c3-6369-5db0-b7e4-021d93464e21',7,NULL,'CreditConsumed',1,'{"id":"recordings/eb3abbe1-1450-59e8-a738-c9700156b8ae","recording_id":"eb3abbe1-1450-59e8-a738-c9700156b8ae","user_id":"982721c3-6369-5db0-b7e4-021d93464e21","grant_id":"982721c3-6369-5db0-b7e4-021d93464e21/1","created_at":"2026-01-01T00:08:00.000000+00:00","completed_at":null,"refunded_at":null}');
INSERT INTO "journal" VALUES(19,'2026-01-01T00:09:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',12,NULL,'ViewTracked',1,'{"user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","email":"amy@example.com"}');
INSERT INTO "journal" VALUES(20,'2026-01-01T00:10:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',13,NULL,'LoginTracked',1,'{"user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","email":"amy@example.com"}');
INSERT INTO "journal" VALUES(21,'2026-01-01T00:11:00.000000+00:00','service',NULL,'dc567cba-1f92-5808-9042-efdce13a0f73',14,NULL,'TimeTracked',1,'{"user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","email":"amy@example.com","seconds":60}');
INSERT INTO "journal" VALUES(22,'2026-01-01T00:12:00.000000+00:00','user','dc567cba-1f92-5808-9042-efdce13a0f73','dc567cba-1f92-5808-9042-efdce13a0f73',15,'key-1','RecordingCreated',1,'{"id":"b97a1d08-9933-5c58-8775-09c8d35883fa","email":"amy@example.com","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","job_request_id":null,"video_url":"c","thumbnail_url":null,"duration":null,"file_size":null,"recording_date":null,"transcription":null,"status":"processing","created_at":"2026-01-01T00:12:00.000000+00:00","updated_at":"2026-01-01T00:12:00.000000+00:00"}');
INSERT INTO "journal" VALUES(23,'2026-01-01T00:12:00.000000+00:00','user','dc567cba-1f92-5808-9042-efdce13a0f73','dc567cba-1f92-5808-9042-efdce13a0f73',16,'key-1','CreditConsumed',1,'{"id":"b97a1d08-9933-5c58-8775-09c8d35883fa","recording_id":"b97a1d08-9933-5c58-8775-09c8d35883fa","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","grant_id":"dc567cba-1f92-5808-9042-efdce13a0f73/1","created_at":"2026-01-01T00:12:00.000000+00:00","completed_at":null,"refunded_at":null}');
INSERT INTO "journal" VALUES(24,'2026-01-01T00:12:00.000000+00:00','user','dc567cba-1f92-5808-9042-efdce13a0f73','dc567cba-1f92-5808-9042-efdce13a0f73',17,'key-1','IdempotencyKeyUsed',1,'{"id":"dc567cba-1f92-5808-9042-efdce13a0f73/key-1","user_id":"dc567cba-1f92-5808-9042-efdce13a0f73","key":"key-1","fingerprint":"ef405599893564ed05593aad234a2c87de8f5702f41d855fd1e71b38c379ccf8","answer":"{\"affected\":null,\"credited\":null,\"id\":\"b97a1d08-9933-5c58-8775-09c8d35883fa\",\"user_id\":null,\"version\":17}","created_at":"2026-01-01T00:12:00.000000+00:00"}');
CREATE TABLE "labels" ("id" TEXT PRIMARY KEY, "label" TEXT NOT NULL) STRICT;
CREATE TABLE "payments" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "profiles" ("user_id") DEFERRABLE INITIALLY DEFERRED,
  "ref" TEXT NOT NULL,
  "amount" TEXT NOT NULL,
  "credits" INTEGER NOT NULL,
  "created_at" TEXT NOT NULL
) STRICT;
INSERT INTO "payments" VALUES('b136f062-432b-5621-9dec-fa0b0e9e5312','dc567cba-1f92-5808-9042-efdce13a0f73','pay-1','12.99',3,'2026-01-01T00:05:00.000000+00:00');
INSERT INTO "payments" VALUES('d082e62e-5b40-53b9-aacc-a62ac75f128e','982721c3-6369-5db0-b7e4-021d93464e21','pay-2','12.99',3,'2026-01-01T00:06:00.000000+00:00');
CREATE TABLE "profiles" (
  "user_id" TEXT NOT NULL PRIMARY KEY REFERENCES "auth_users" ("id") DEFERRABLE INITIALLY DEFERRED,
  "credits_remaining" INTEGER NOT NULL DEFAULT 0 CHECK ("credits_remaining" >= 0),
  "created_at" TEXT NOT NULL,
  "updated_at" TEXT NOT NULL
) STRICT;
INSERT INTO "profiles" VALUES('dc567cba-1f92-5808-9042-efdce13a0f73',5,'2026-01-01T00:00:00.000000+00:00','2026-01-01T00:12:00.000000+00:00');
INSERT INTO "profiles" VALUES('982721c3-6369-5db0-b7e4-021d93464e21',2,'2026-01-01T00:01:00.000000+00:00','2026-01-01T00:08:00.000000+00:00');
CREATE TABLE "recordings" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "auth_users" ("id") DEFERRABLE INITIALLY DEFERRED,
  "job_request_id" TEXT REFERENCES "job_requests" ("id") DEFERRABLE INITIALLY DEFERRED,
  "video_url" TEXT,
  "thumbnail_url" TEXT,
  "duration" INTEGER CHECK ("duration" >= 0),
  "file_size" INTEGER CHECK ("file_size" >= 0),
  "recording_date" TEXT,
  "transcription" TEXT,
  "status" TEXT NOT NULL DEFAULT 'processing' CHECK ("status" IN ('processing', 'completed', 'failed')),
  "created_at" TEXT,
  "updated_at" TEXT
) STRICT;
INSERT INTO "recordings" VALUES('eb3abbe1-1450-59e8-a738-c9700156b8ae','982721c3-6369-5db0-b7e4-021d93464e21',NULL,'b',NULL,NULL,NULL,NULL,NULL,'processing','2026-01-01T00:08:00.000000+00:00','2026-01-01T00:08:00.000000+00:00');
CREATE TABLE "resumes" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "user_id" TEXT NOT NULL REFERENCES "auth_users" ("id") DEFERRABLE INITIALLY DEFERRED,
  "resume_name" TEXT,
  "resume_url" TEXT NOT NULL,
  "file_type" TEXT,
  "file_size" INTEGER CHECK ("file_size" >= 0),
  "parsed_data" TEXT CHECK ("parsed_data" IS NULL OR json_valid("parsed_data")),
  "is_primary" INTEGER NOT NULL DEFAULT 0 CHECK ("is_primary" IN (0, 1)),
  "is_active" INTEGER NOT NULL DEFAULT 1 CHECK ("is_active" IN (0, 1)),
  "created_at" TEXT,
  "updated_at" TEXT
) STRICT;
CREATE TABLE "store_metadata" ("name" TEXT PRIMARY KEY, "value" TEXT NOT NULL) STRICT;
INSERT INTO "store_metadata" VALUES('safeguards','["active_only", "atomic_consume", "charge_after_write", "definer_safety", "exact_price", "grant_once", "idempotent_payment", "immutable_owner", "one_email", "one_primary", "owner_pair", "paid_media_immutable", "private_dashboard", "profile_read_only", "same_owner_reference", "separate_populations", "stats_read_only", "tracking_read_only", "valid_values"]');
INSERT INTO "store_metadata" VALUES('credit_policy','{"credits_per_payment": 3, "initial_credits": 4, "price": "12.99", "refund_failed_recordings": false, "regular_initial_credits": 0}');
CREATE UNIQUE INDEX "auth_users_email_key" ON "auth_users" ("email");
CREATE UNIQUE INDEX "digital_resume_by_CRM_user_id_key" ON "digital_resume_by_CRM" ("user_id");
CREATE INDEX "digital_resume_by_CRM_user_created_at_idx" ON "digital_resume_by_CRM" ("user_created_at");
CREATE INDEX "crm_job_requests_email_idx" ON "crm_job_requests" ("email");
CREATE INDEX "crm_job_requests_user_id_idx" ON "crm_job_requests" ("user_id");
CREATE INDEX "crm_job_requests_created_at_idx" ON "crm_job_requests" ("created_at");
CREATE INDEX "crm_recordings_email_idx" ON "crm_recordings" ("email");
CREATE INDEX "crm_recordings_user_id_idx" ON "crm_recordings" ("user_id");
CREATE INDEX "crm_recordings_created_at_idx" ON "crm_recordings" ("created_at");
CREATE INDEX "crm_recordings_job_request_id_idx" ON "crm_recordings" ("job_request_id");
CREATE INDEX "crm_resumes_email_idx" ON "crm_resumes" ("email");
CREATE INDEX "crm_resumes_user_id_idx" ON "crm_resumes" ("user_id");
CREATE INDEX "crm_resumes_created_at_idx" ON "crm_resumes" ("created_at");
CREATE INDEX "crm_resumes_is_primary_idx" ON "crm_resumes" ("is_primary");
CREATE UNIQUE INDEX "crm_resumes_primary_key" ON "crm_resumes" ("user_id") WHERE "is_primary" = 1;
CREATE UNIQUE INDEX "crm_dashboard_stats_email_key" ON "crm_dashboard_stats" ("email");
CREATE INDEX "crm_dashboard_stats_user_id_idx" ON "crm_dashboard_stats" ("user_id");
CREATE INDEX "crm_dashboard_stats_created_at_idx" ON "crm_dashboard_stats" ("created_at");
CREATE INDEX "job_requests_user_id_idx" ON "job_requests" ("user_id");
CREATE INDEX "job_requests_created_at_idx" ON "job_requests" ("created_at");
CREATE INDEX "recordings_user_id_idx" ON "recordings" ("user_id");
CREATE INDEX "recordings_created_at_idx" ON "recordings" ("created_at");
CREATE INDEX "recordings_job_request_id_idx" ON "recordings" ("job_request_id");
CREATE INDEX "resumes_user_id_idx" ON "resumes" ("user_id");
CREATE INDEX "resumes_created_at_idx" ON "resumes" ("created_at");
CREATE INDEX "resumes_is_primary_idx" ON "resumes" ("is_primary");
CREATE UNIQUE INDEX "resumes_primary_key" ON "resumes" ("user_id") WHERE "is_primary" = 1;
CREATE UNIQUE INDEX "payments_ref_key" ON "payments" ("ref");
CREATE INDEX "payments_user_id_idx" ON "payments" ("user_id");
CREATE INDEX "payments_created_at_idx" ON "payments" ("created_at");
CREATE UNIQUE INDEX "credit_grants_user_id_number_key" ON "credit_grants" ("user_id", "number");
CREATE INDEX "credit_grants_user_id_idx" ON "credit_grants" ("user_id");
CREATE INDEX "credit_grants_email_idx" ON "credit_grants" ("email");
CREATE INDEX "credit_grants_payment_id_idx" ON "credit_grants" ("payment_id");
CREATE INDEX "credit_grants_open_idx" ON "credit_grants" ("user_id", "number") WHERE "remaining" > 0;
CREATE INDEX "credit_consumptions_user_id_idx" ON "credit_consumptions" ("user_id");
COMMIT;
