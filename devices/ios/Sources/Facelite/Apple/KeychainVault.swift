#if canImport(CryptoKit) && canImport(Security)
import CryptoKit
import Foundation
import Security

/// Encrypts with AES-GCM, by a key in the Keychain that never leaves the device and can be read only while it is unlocked.
///
/// The key is not in backups: a gallery that was restored on another device does not open there, and its people enrol anew. On macOS the app has to be
/// signed, or the Keychain refuses it.
public struct KeychainVault: Vault, Sendable {
    private let service: String
    private let account: String

    /// Each `account` of a `service` has a key of its own, made when it is first used.
    public init(service: String = "facelite", account: String = "gallery") {
        (self.service, self.account) = (service, account)
    }

    /// Throws `FaceliteError` where the Keychain gives no key.
    public func seal(_ data: Data) throws -> Data {
        guard let sealed = try AES.GCM.seal(data, using: storedKey() ?? madeKey()).combined else {
            throw FaceliteError("expected a nonce of 12 bytes, got another; use a newer facelite")
        }
        return sealed
    }

    /// Throws `FaceliteError` where the Keychain has no key, and CryptoKit's error for what was not sealed with it or was changed.
    public func open(_ data: Data) throws -> Data {
        guard let key = try storedKey() else {
            throw FaceliteError("expected the gallery's key in the Keychain, found none; enrol into a new gallery")
        }
        return try AES.GCM.open(AES.GCM.SealedBox(combined: data), using: key)
    }

    /// Deletes the key: what was sealed with it cannot be opened again.
    public func erase() throws {
        let status = SecItemDelete(query as CFDictionary)
        try require(
            status == errSecSuccess || status == errSecItemNotFound, "expected the Keychain to delete the key, got status \(status); try again")
    }

    private var query: [String: Any] {
        [
            kSecClass as String: kSecClassGenericPassword, kSecAttrService as String: service, kSecAttrAccount as String: account,
            kSecUseDataProtectionKeychain as String: true,  // on macOS too
        ]
    }

    private func storedKey() throws -> SymmetricKey? {
        var asked = query
        asked[kSecReturnData as String] = true
        var found: CFTypeRef?
        let status = SecItemCopyMatching(asked as CFDictionary, &found)
        if status == errSecItemNotFound {
            return nil
        }
        guard status == errSecSuccess, let key = found as? Data else {
            throw FaceliteError("expected a key in the Keychain, got status \(status); unlock the device")
        }
        return SymmetricKey(data: key)
    }

    private func madeKey() throws -> SymmetricKey {
        let key = SymmetricKey(size: .bits256)
        var item = query
        item[kSecAttrAccessible as String] = kSecAttrAccessibleWhenUnlockedThisDeviceOnly
        item[kSecValueData as String] = key.withUnsafeBytes { Data($0) }
        let status = SecItemAdd(item as CFDictionary, nil)
        if status == errSecDuplicateItem, let made = try storedKey() {  // meanwhile, by somebody else
            return made
        }
        try require(status == errSecSuccess, "expected the Keychain to keep a key, got status \(status); unlock the device")
        return key
    }
}
#endif
