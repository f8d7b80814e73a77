"""certmill, the client, with an original certgrinderd in its configuration."""

import shutil

import certgrinder_parts
from client_files import FilesCase, Issuer


class OriginalServerCase(FilesCase):
    """self.server is the original's folder; what it was asked stands there."""

    def setUp(self) -> None:
        super().setUp()
        self.server = self.folder / "original"
        self.server.mkdir()
        shutil.copy(self.issuer.cert, self.server)
        shutil.copy(self.issuer.cert.with_suffix(".key"), self.server)
        self.settings.update({"certgrinderd": certgrinder_parts.command(self.server), "name-server": "127.0.0.1@9"})

    def more_issuers(self, *names: str) -> None:
        """Further CAs of the server's."""
        for name in names:
            folder = self.folder / name
            folder.mkdir()
            issuer = Issuer(folder, name)
            shutil.copy(issuer.cert, self.server / f"{name}.crt")
            shutil.copy(issuer.cert.with_suffix(".key"), self.server / f"{name}.key")

    def ok(self, *words: str) -> str:
        """What it says on stderr."""
        done = self.certmill(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr
