// SPDX-License-Identifier: MIT
//
// The same echo server on Qt 5's QTcpServer.

#include <QtCore/QCoreApplication>
#include <QtCore/QSet>
#include <QtNetwork/QTcpServer>
#include <QtNetwork/QTcpSocket>

int main(int argc, char **argv) {
    QCoreApplication application(argc, argv);
    QTcpServer server;
    QSet<QTcpSocket *> connections;

    QObject::connect(&server, &QTcpServer::newConnection, [&] {
        while (QTcpSocket *socket = server.nextPendingConnection()) {
            socket->setSocketOption(QAbstractSocket::LowDelayOption, 1);
            connections.insert(socket);
            QObject::connect(socket, &QTcpSocket::readyRead, [&connections, socket] {
                const QByteArray data = socket->readAll();
                if (!data.startsWith('*')) {
                    socket->write(data);
                    return;
                }
                for (QTcpSocket *each : connections)
                    each->write(data);
            });
            QObject::connect(socket, &QTcpSocket::disconnected, [&connections, socket] {
                connections.remove(socket);
                socket->deleteLater();
            });
        }
    });
    if (argc != 2 || !server.listen(QHostAddress::LocalHost, QString(argv[1]).toUShort()))
        return 1;
    return application.exec();
}
