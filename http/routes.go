package http

import (
	"troupe/http/atproto"
	"troupe/http/auth"
	"troupe/http/bsky"
	"troupe/http/firehose"
	"troupe/http/proxy"
	"troupe/http/rate"
	"troupe/http/upstream"
	"troupe/http/xrpc"
)

// writeBody is the largest JSON body of a method that writes records.
const writeBody = 1_000_000

// surface is every XRPC method that a server answers itself. What is the app
// view's is there only if there is one: else it is passed on to whom the client
// names, like any method that has no route.
func surface(c Config) []xrpc.Route {
	all := routes(c.Verifier, c.Service, c.Firehose, c.Upstream)
	if _, ok := c.Upstream.AppView(); ok {
		return append(appViewRoutes(c.Verifier, c.Upstream, c.Bluesky), all...)
	}
	return all
}

// appViewRoutes is every method of app.bsky.* that needs more than passing on,
// one a line, sorted.
func appViewRoutes(v *auth.Verifier, up *upstream.Client, s *bsky.Service) []xrpc.Route {
	var (
		actor        = bsky.Actor{Service: s}
		feed         = bsky.Feed{Service: s}
		generator    = proxy.Feed{Upstream: up}
		notification = proxy.Notification{Upstream: up}
	)
	return []xrpc.Route{
		xrpc.Query("app.bsky.actor.getPreferences", v.AsInsider, actor.GetPreferences),
		xrpc.Query("app.bsky.actor.getProfile", v.AsOwner, actor.GetProfile),
		xrpc.Query("app.bsky.actor.getProfiles", v.AsOwner, actor.GetProfiles, xrpc.LooseParams()),
		xrpc.Procedure("app.bsky.actor.putPreferences", v.AsOwnerUp, actor.PutPreferences),
		xrpc.Query("app.bsky.feed.getActorLikes", v.AsOwner, feed.GetActorLikes),
		xrpc.Query("app.bsky.feed.getAuthorFeed", v.AsOwner, feed.GetAuthorFeed),
		xrpc.Query("app.bsky.feed.getFeed", v.AsOwner, generator.GetFeed),
		xrpc.Query("app.bsky.feed.getPostThread", v.AsOwner, feed.GetPostThread, xrpc.LooseParams()),
		xrpc.Query("app.bsky.feed.getTimeline", v.AsOwner, feed.GetTimeline, xrpc.LooseParams()),
		xrpc.Procedure("app.bsky.notification.registerPush", v.AsSession, notification.RegisterPush, xrpc.Outside()),
		xrpc.Procedure("app.bsky.notification.unregisterPush", v.AsOwner, notification.UnregisterPush, xrpc.Outside()),
	}
}

// routes is every method of com.atproto.*, one a line, sorted: who may call it,
// what answers, and how often beside what rate.Global allows.
func routes(v *auth.Verifier, s *atproto.Service, stream *firehose.Server, up *upstream.Client) []xrpc.Route {
	var (
		admin      = atproto.Admin{Service: s}
		identity   = atproto.Identity{Service: s}
		moderation = proxy.Moderation{Upstream: up}
		repo       = atproto.Repo{Service: s}
		server     = atproto.Server{Service: s}
		sync       = atproto.Sync{Service: s}
		temp       = atproto.Temp{Service: s}
	)
	return []xrpc.Route{
		xrpc.Procedure("com.atproto.admin.deleteAccount", v.AsAdmin, admin.DeleteAccount),
		xrpc.Procedure("com.atproto.admin.disableAccountInvites", v.AsModerator, admin.DisableAccountInvites),
		xrpc.Procedure("com.atproto.admin.disableInviteCodes", v.AsModerator, admin.DisableInviteCodes),
		xrpc.Procedure("com.atproto.admin.enableAccountInvites", v.AsModerator, admin.EnableAccountInvites),
		xrpc.Query("com.atproto.admin.getAccountInfo", v.AsModerator, admin.GetAccountInfo),
		xrpc.Query("com.atproto.admin.getAccountInfos", v.AsModerator, admin.GetAccountInfos),
		xrpc.Query("com.atproto.admin.getInviteCodes", v.AsModerator, admin.GetInviteCodes),
		xrpc.Query("com.atproto.admin.getSubjectStatus", v.AsModerator, admin.GetSubjectStatus),
		xrpc.Query("com.atproto.admin.searchAccounts", v.AsModerator, admin.SearchAccounts),
		xrpc.Procedure("com.atproto.admin.sendEmail", v.AsModerator, admin.SendEmail),
		xrpc.Procedure("com.atproto.admin.updateAccountEmail", v.AsAdmin, admin.UpdateAccountEmail),
		xrpc.Procedure("com.atproto.admin.updateAccountHandle", v.AsAdmin, admin.UpdateAccountHandle),
		xrpc.Procedure("com.atproto.admin.updateAccountPassword", v.AsAdmin, admin.UpdateAccountPassword),
		xrpc.Procedure("com.atproto.admin.updateAccountSigningKey", v.AsAdmin, admin.UpdateAccountSigningKey),
		xrpc.Procedure("com.atproto.admin.updateSubjectStatus", v.AsModerator, admin.UpdateSubjectStatus),
		xrpc.Query("com.atproto.identity.getRecommendedDidCredentials", v.AsOwner, identity.GetRecommendedDIDCredentials),
		xrpc.Procedure("com.atproto.identity.refreshIdentity", v.AsOwner, identity.RefreshIdentity),
		xrpc.Procedure("com.atproto.identity.requestPlcOperationSignature", v.AsFullLeaver, identity.RequestPLCOperationSignature),
		xrpc.Query("com.atproto.identity.resolveDid", v.AsAnyone, identity.ResolveDID),
		xrpc.Query("com.atproto.identity.resolveHandle", v.AsAnyone, identity.ResolveHandle),
		xrpc.Query("com.atproto.identity.resolveIdentity", v.AsAnyone, identity.ResolveIdentity),
		xrpc.Procedure("com.atproto.identity.signPlcOperation", v.AsFullLeaver, identity.SignPLCOperation),
		xrpc.Procedure("com.atproto.identity.submitPlcOperation", v.AsOwner, identity.SubmitPLCOperation),
		xrpc.Procedure("com.atproto.identity.updateHandle", v.AsOwnerUp, identity.UpdateHandle, rate.ByAccount(rate.Per5Min(10), rate.PerDay(50))),
		xrpc.Procedure("com.atproto.moderation.createReport", v.AsLeaver, moderation.CreateReport, xrpc.Outside()),
		xrpc.Procedure("com.atproto.repo.applyWrites", v.AsWriter, repo.ApplyWrites, xrpc.BodyLimit(writeBody), rate.EachWrite()),
		xrpc.Procedure("com.atproto.repo.createRecord", v.AsWriter, repo.CreateRecord, xrpc.BodyLimit(writeBody), rate.Writes(rate.CreateCost)),
		xrpc.Procedure("com.atproto.repo.deleteRecord", v.AsWriter, repo.DeleteRecord, rate.Writes(rate.DeleteCost)),
		xrpc.Query("com.atproto.repo.describeRepo", v.AsAnyone, repo.DescribeRepo),
		xrpc.Query("com.atproto.repo.getRecord", v.AsAnyone, repo.GetRecord),
		xrpc.Procedure("com.atproto.repo.importRepo", v.AsFull, repo.ImportRepo, xrpc.BodyLimit(s.ImportLimit)),
		xrpc.Query("com.atproto.repo.listMissingBlobs", v.AsOwner, repo.ListMissingBlobs),
		xrpc.Query("com.atproto.repo.listRecords", v.AsAnyone, repo.ListRecords),
		xrpc.Procedure("com.atproto.repo.putRecord", v.AsWriter, repo.PutRecord, xrpc.BodyLimit(writeBody), rate.Writes(rate.UpdateCost)),
		xrpc.Procedure("com.atproto.repo.uploadBlob", v.AsUploader, repo.UploadBlob, xrpc.BodyLimit(s.BlobLimit), rate.ByClient(rate.PerDay(1000))),
		xrpc.Procedure("com.atproto.server.activateAccount", v.AsFull, server.ActivateAccount),
		xrpc.Query("com.atproto.server.checkAccountStatus", v.AsOwner, server.CheckAccountStatus),
		xrpc.Procedure("com.atproto.server.confirmEmail", v.AsQueuedUp, server.ConfirmEmail),
		xrpc.Procedure("com.atproto.server.createAccount", v.AsNewcomer, server.CreateAccount, rate.ByClient(rate.Per5Min(100))),
		xrpc.Procedure("com.atproto.server.createAppPassword", v.AsFullUp, server.CreateAppPassword),
		xrpc.Procedure("com.atproto.server.createInviteCode", v.AsAdmin, server.CreateInviteCode),
		xrpc.Procedure("com.atproto.server.createInviteCodes", v.AsAdmin, server.CreateInviteCodes),
		xrpc.Procedure("com.atproto.server.createSession", v.AsAnyone, server.CreateSession, rate.ByNameAndClient(rate.Per5Min(30), rate.PerDay(300)), rate.ByName(rate.PerHour(500))),
		xrpc.Procedure("com.atproto.server.deactivateAccount", v.AsFullLeaver, server.DeactivateAccount),
		xrpc.Procedure("com.atproto.server.deleteAccount", v.AsAnyone, server.DeleteAccount, rate.ByClient(rate.Per5Min(50))),
		xrpc.Procedure("com.atproto.server.deleteSession", v.AsRefreshExpired, server.DeleteSession),
		xrpc.Query("com.atproto.server.describeServer", v.AsAnyone, server.DescribeServer),
		xrpc.Query("com.atproto.server.getAccountInviteCodes", v.AsFullUp, server.GetAccountInviteCodes),
		xrpc.Query("com.atproto.server.getServiceAuth", v.AsLeaver, server.GetServiceAuth),
		xrpc.Query("com.atproto.server.getSession", v.AsSession, server.GetSession),
		xrpc.Query("com.atproto.server.listAppPasswords", v.AsOwner, server.ListAppPasswords),
		xrpc.Procedure("com.atproto.server.refreshSession", v.AsRefresh, server.RefreshSession),
		xrpc.Procedure("com.atproto.server.requestAccountDelete", v.AsFullUp, server.RequestAccountDelete, rate.ByAccount(rate.PerHour(5), rate.PerDay(15))),
		xrpc.Procedure("com.atproto.server.requestEmailConfirmation", v.AsQueuedUp, server.RequestEmailConfirmation, rate.ByAccount(rate.PerHour(5), rate.PerDay(15))),
		xrpc.Procedure("com.atproto.server.requestEmailUpdate", v.AsFullUp, server.RequestEmailUpdate, rate.ByAccount(rate.PerHour(5), rate.PerDay(15))),
		xrpc.Procedure("com.atproto.server.requestPasswordReset", v.AsAnyone, server.RequestPasswordReset, rate.ByClient(rate.PerHour(15), rate.PerDay(50))),
		xrpc.Procedure("com.atproto.server.reserveSigningKey", v.AsAnyone, server.ReserveSigningKey, rate.ByClient(rate.PerDay(500))),
		xrpc.Procedure("com.atproto.server.resetPassword", v.AsAnyone, server.ResetPassword, rate.ByClient(rate.Per5Min(50))),
		xrpc.Procedure("com.atproto.server.revokeAppPassword", v.AsOwner, server.RevokeAppPassword),
		xrpc.Procedure("com.atproto.server.updateEmail", v.AsFullUp, server.UpdateEmail),
		xrpc.Query("com.atproto.sync.getBlob", v.AsExporter, sync.GetBlob),
		xrpc.Query("com.atproto.sync.getBlocks", v.AsViewer, sync.GetBlocks),
		xrpc.Query("com.atproto.sync.getCheckout", v.AsViewer, sync.GetCheckout),
		xrpc.Query("com.atproto.sync.getHead", v.AsViewer, sync.GetHead),
		xrpc.Query("com.atproto.sync.getLatestCommit", v.AsViewer, sync.GetLatestCommit),
		xrpc.Query("com.atproto.sync.getRecord", v.AsViewer, sync.GetRecord),
		xrpc.Query("com.atproto.sync.getRepo", v.AsExporter, sync.GetRepo, rate.Alone(rate.Per5Min(6000))),
		xrpc.Query("com.atproto.sync.getRepoStatus", v.AsAnyone, sync.GetRepoStatus),
		xrpc.Query("com.atproto.sync.listBlobs", v.AsExporter, sync.ListBlobs),
		xrpc.Query("com.atproto.sync.listRepos", v.AsAnyone, sync.ListRepos),
		xrpc.Query("com.atproto.sync.listReposByCollection", v.AsAnyone, sync.ListReposByCollection),
		xrpc.Subscription("com.atproto.sync.subscribeRepos", stream.Serve),
		xrpc.Query("com.atproto.temp.checkHandleAvailability", v.AsAnyone, temp.CheckHandleAvailability),
		xrpc.Query("com.atproto.temp.checkSignupQueue", v.AsSession, temp.CheckSignupQueue),
	}
}
